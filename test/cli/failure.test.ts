import { WorkflowFailedError } from '@temporalio/client';
import {
  ActivityFailure,
  ApplicationFailure,
  CancelledFailure,
  RetryState,
  TerminatedFailure,
} from '@temporalio/common';
import { exitCodeOf } from '../../src/cli/exit-codes';
import { CliFailure, toCliFailure } from '../../src/cli/failure';
import { failureCodes } from '../../src/contracts/failures';

/** As the client sees it: the workflow's failure around the activity's around the named one. */
function failed(cause: Error): Error {
  const activity = new ActivityFailure(
    'activity failed',
    'ensureContainer',
    '1',
    RetryState.NON_RETRYABLE_FAILURE,
    'w',
    cause,
  );
  return new WorkflowFailedError('workflow failed', activity, RetryState.NON_RETRYABLE_FAILURE);
}

const details = [{ host: 'node-2', hint: 'krakenctl status' }];

test('the innermost named failure is what a person reads', () => {
  const cause = ApplicationFailure.create({
    type: 'HOST_REFUSED',
    message: 'no key fits',
    details,
    nonRetryable: true,
  });
  expect(toCliFailure(failed(cause))).toMatchObject({
    code: 'HOST_REFUSED',
    message: 'no key fits',
    host: 'node-2',
    hint: 'krakenctl status',
    retryable: false,
    exitCode: 1,
  });
});

test('what a part wrote last is passed on', () => {
  const logTail = { host: 'node-2', part: 'origin', lines: ['panic'] };
  const cause = ApplicationFailure.create({ type: 'ROLLED_BACK', message: 'no', details: [{ logTail }] });
  expect(toCliFailure(failed(cause))).toMatchObject({ exitCode: 9, logTail });
});

test.each([
  [new CancelledFailure('cancelled'), 'CANCELLED'],
  [new TerminatedFailure('terminated'), 'TERMINATED'],
  [Object.assign(new Error('14 UNAVAILABLE'), { code: 14 }), 'TEMPORAL_UNREACHABLE'],
  [Object.assign(new Error('4 DEADLINE_EXCEEDED'), { code: 4 }), 'TEMPORAL_UNREACHABLE'],
  [new TypeError('x is not a function'), 'INTERNAL'],
])('%p is %s', (cause, code) => {
  expect(toCliFailure(new Error('outer', { cause })).code).toBe(code);
});

test('what is no error at all is told all the same', () => {
  expect(toCliFailure('a string')).toMatchObject({ code: 'INTERNAL', message: 'a string' });
});

test.each([
  ['USAGE', 2],
  ['CONFIG_INVALID', 2],
  ['CHANGES_PENDING', 3],
  ['PLAN_CHANGED', 3],
  ['OPERATION_RUNNING', 6],
  ['FOREIGN_OWNER', 6],
  ['FENCED_OFF', 6],
  ['TEMPORAL_UNREACHABLE', 7],
  ['WORKER_MISSING', 7],
  ['WORKER_VERSION', 7],
  ['APPROVAL_DENIED', 8],
  ['APPROVAL_EXPIRED', 8],
  ['ROLLED_BACK', 9],
  ['ROLLBACK_FAILED', 10],
  ['NOT_SERVING', 11],
  ['DETACHED', 130],
  ['GATE_NOT_READY', 1],
  ['something new', 1],
])('%s ends with exit %i', (code, exit) => {
  expect(new CliFailure(code, '').exitCode).toBe(exit);
});

test('no failure of an operation is success', () => {
  for (const code of failureCodes) expect(exitCodeOf(code)).toBeGreaterThan(0);
});
