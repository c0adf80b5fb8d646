import { createHash } from 'node:crypto';
import { ApplicationFailure } from '@temporalio/common';
import type { TestWorkflowEnvironment } from '@temporalio/testing';
import { FencedOffError, HostUnreachableError, ImageMissingError, RemoteCommandError } from '../../src/clients/errors';
import { agentImageReference } from '../../src/cluster/agents/release';
import { vmHost } from '../../src/cluster/agents/vm';
import type { AgentInput, AgentOutcome } from '../../src/contracts/agents';
import { exampleSpec } from '../support/cluster';
import { MemoryLab } from '../support/memory-hosts';
import { type Bench, openBench, openSkippingServer } from '../support/temporal';

/** What becomes of a VM that is left in the middle, on a server that skips time: hours of tries are over in seconds. */
let server: TestWorkflowEnvironment;
let bench: Bench;
/** Called before each activity. */
let before: (activity: string) => void = () => undefined;
let lab: MemoryLab;
let current: MemoryLab;

beforeAll(async () => {
  server = await openSkippingServer();
  // One crew for all tests; each has machines of its own.
  lab = new Proxy({} as MemoryLab, {
    get: (_, name) => {
      const value = Reflect.get(current, name, current);
      return typeof value === 'function' ? value.bind(current) : value;
    },
  });
  bench = await openBench(lab, { environment: server, before: async (name) => before(name) });
});
afterAll(async () => {
  await bench.close();
  await server.teardown();
});
beforeEach(async () => {
  current = new MemoryLab();
  before = () => undefined;
  await current.connect(vmHost(vm));
});

const vm = 'root@10.0.2.1:22';
const machine = () => current.machine('10.0.2.1');
const state = () => machine().agentState;
const done = () => current.journal.map((line) => line.replace('10.0.2.1 ', '').replace(/[0-9a-f]{16}/, 'R'));

function inputOf(maxFiles: number): AgentInput {
  const spec = exampleSpec((s) => void Object.assign(s.logs, { maxFiles }));
  // As the registry in memory has it.
  const digest = `sha256:${createHash('sha256').update(agentImageReference(spec)).digest('hex')}`;
  return { verb: 'deploy', spec, vm, digest, epoch: 1 };
}

/** With how many minutes it took, of which hardly one was waited for. */
async function bring(maxFiles = 3): Promise<AgentOutcome & { minutes: number }> {
  const handle = await bench.begin('bringAgent', inputOf(maxFiles));
  const outcome = (await handle.result()) as AgentOutcome;
  const { startTime, closeTime } = await handle.describe();
  return { ...outcome, minutes: (closeTime!.getTime() - startTime.getTime()) / 60_000 };
}

/** The image is there, as on any VM that had an agent. */
async function hadOne(): Promise<string> {
  expect(await bring(3)).toMatchObject({ state: 'done' });
  current.journal.length = 0;
  return state().running!;
}

function isNotReady(): void {
  before = (activity) => {
    if (activity === 'proveAgent')
      throw ApplicationFailure.create({ type: 'GATE_NOT_READY', message: 'not ready', nonRetryable: true });
  };
}

test('a VM that goes off in the middle of its image is parked within minutes, as in any other step', async () => {
  current.hook = (moment, effect) => {
    if (moment !== 'before' || !effect.startsWith('pull')) return;
    machine().isOn = false;
    throw new HostUnreachableError('the connection was lost', '10.0.2.1');
  };
  const outcome = await bring();
  expect(outcome).toMatchObject({ state: 'parked', code: 'HOST_UNREACHABLE' });
  expect(outcome.minutes).toBeLessThan(5);
});

describe('a release that does not come to run', () => {
  const saidNo = () => new RemoteCommandError('10.0.2.1: exit code 69: the agent does not run', '10.0.2.1', 69, '');
  /** Made the one that runs, its agent does not start. */
  const doesNotStart = () => {
    current.hook = (moment, name) => {
      if (moment !== 'before' || !name.startsWith('activate')) return;
      Object.assign(state(), { current: name.split(' ')[1], running: undefined });
      throw saidNo();
    };
  };

  test('is put back where there was one before: the VM is failed, and what was there runs', async () => {
    const old = await hadOne();
    doesNotStart();
    expect(await bring(4)).toMatchObject({
      state: 'failed',
      code: 'REMOTE_COMMAND',
      why: expect.stringMatching(/does not run; what was there before is put back$/),
    });
    expect([state().current, state().running, [...state().releases]]).toEqual([old, old, [old]]);
  });

  test('goes again where there was none, with all that was begun', async () => {
    doesNotStart();
    expect(await bring()).toMatchObject({
      state: 'failed',
      why: expect.stringMatching(/nothing of it is left there$/),
    });
    expect([state().current, [...state().releases]]).toEqual([undefined, []]);
  });

  test('or does not get ready is put back too', async () => {
    const old = await hadOne();
    isNotReady();
    expect(await bring(4)).toMatchObject({
      state: 'failed',
      code: 'GATE_NOT_READY',
      why: expect.stringMatching(/put back$/),
    });
    expect([state().running, [...state().releases]]).toEqual([old, [old]]);
  });

  test('stays parked, with both reasons, where the one before does not run either', async () => {
    await hadOne();
    current.hook = (moment, name) => {
      if (moment === 'before' && /^(activate|put back)/.test(name)) throw saidNo();
    };
    const { state: left, ...told } = await bring(4);
    expect([left, told]).toMatchObject(['parked', { why: expect.stringMatching(/it could not be put back: .*69/) }]);
  });

  test('of a VM that a newer operation has taken over is left to that one', async () => {
    await hadOne();
    current.hook = (moment, name) => {
      if (moment === 'after' && name.startsWith('activate'))
        throw new FencedOffError('a newer operation', '10.0.2.1', 2);
    };
    expect(await bring(4)).toMatchObject({ state: 'failed', code: 'FENCED_OFF', why: 'a newer operation' });
    expect(done()).toEqual(['install R', 'activate R']);
  });

  test('for want of its image is taken away, when nothing is written any more', async () => {
    let isWriting: (() => void) | undefined;
    const written = new Promise<void>((resolve) => (isWriting = resolve));
    current.hook = async (moment, name) => {
      if (moment === 'before' && name.startsWith('pull')) {
        setTimeout(() => isWriting!(), 500);
        throw new ImageMissingError('manifest unknown', '10.0.2.1');
      }
      if (moment === 'before' && name.startsWith('install')) await written;
    };
    expect(await bring()).toMatchObject({ state: 'failed', code: 'IMAGE_MISSING' });
    expect([done(), [...state().releases]]).toEqual([['install R', 'put back nothing'], []]);
  });
});

test('a credential that nobody needs any more goes last: what is put back would need it', async () => {
  await hadOne();
  state().login = 'a credential';
  isNotReady();
  await bring(4);
  expect(state().login).toBe('a credential');
  before = () => undefined;
  expect(await bring(4)).toMatchObject({ state: 'done' });
  expect(state().login).toBeUndefined();
});
