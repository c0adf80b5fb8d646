import { PlainDisplay } from '../../src/cli/display';
import { CliFailure } from '../../src/cli/failure';
import { Output, type OutputOptions } from '../../src/cli/output';
import type { OperationProgress } from '../../src/contracts/operation';
import { captureStreams, type } from './streams';

/** `--log-format json`: each line of standard error is one object with time, level and message; standard output is as without it. */

interface Line {
  time: string;
  level: string;
  message: string;
  [field: string]: unknown;
}

function parse(err: string): Line[] {
  return err
    .split('\n')
    .filter((text) => text !== '')
    .map((text) => JSON.parse(text) as Line);
}

function open(options: Partial<OutputOptions> = {}) {
  const streams = captureStreams();
  const output = new Output(streams, { format: 'text', logFormat: 'json', ...options });
  return { output, written: streams.written, lines: () => parse(streams.written.err) };
}

test('remarks are objects with a time, a level and what was said, without colours and marks', () => {
  const { output, written, lines } = open({ color: 'always', verbose: true });
  output.note('looked from this machine instead');
  output.note(output.colors.yellow(' ! node-3 was not seen'));
  output.detail('two\nlines');
  output.line('the answer');
  expect(written.out).toBe('the answer\n');
  expect(lines().map(({ level, message }) => [level, message])).toEqual([
    ['info', 'looked from this machine instead'],
    ['warn', 'node-3 was not seen'],
    ['debug', 'two\nlines'],
  ]);
  for (const { time } of lines()) expect(new Date(time).toISOString()).toBe(time);
});

test('a failure is one line with code, host and hint; -q drops remarks and no failure', () => {
  const { output, lines } = open({ quiet: true });
  output.note('a remark');
  output.fail(new CliFailure('HOST_REFUSED', 'no key fits\ntried 2 keys', { host: 'node-2', hint: 'do that' }));
  expect(lines()).toEqual([
    {
      time: expect.any(String),
      level: 'error',
      message: 'no key fits\ntried 2 keys',
      code: 'HOST_REFUSED',
      host: 'node-2',
      hint: 'do that',
    },
  ]);
});

test('what a host says is escaped, and obeyed by no terminal', () => {
  const { output, written, lines } = open();
  output.note('\u001b[2Jgone\u202e');
  expect(written.err).not.toMatch(/[\u001b\u202e]/);
  expect(lines()[0]!.message).toBe('<U+001B>[2Jgone<U+202E>');
});

test('with -o json the progress of an operation is lines with stage, state and time', () => {
  const { output, lines } = open({ format: 'json' });
  const stage = {
    id: 'images',
    title: 'images',
    state: 'done',
    startedAt: 0,
    endedAt: 6200,
    total: 5,
    done: 5,
    now: [],
  };
  const operation = { id: '20261123-000000-deploy-0001', verb: 'deploy', actor: 'ana@ops-1' };
  const progress = { version: 1, operation, state: 'running', startedAt: 0, stages: [stage] };
  new PlainDisplay(output).show(progress as unknown as OperationProgress);
  expect(lines()).toEqual([
    {
      time: expect.any(String),
      level: 'info',
      message: expect.stringContaining('images'),
      operation: operation.id,
      stage: 'images',
      state: 'done',
      tookMs: 6200,
    },
  ]);
});

test.each([
  [['--log-format', 'json', 'nonsense'], 'USAGE'],
  [['deploy', '--nope', '--log-format=json'], 'USAGE'],
  [['op', '--log-format', 'json'], 'USAGE'],
  [['op', 'cancel', '--log-format', 'json', '--env-file', '/dev/null'], 'CONFIG_INVALID'],
])('%j: also what is wrong with the words themselves', async (argv, code) => {
  const { out, err } = await type(argv);
  expect(out).toBe('');
  expect(parse(err).at(-1)).toMatchObject({ level: 'error', code });
});

test('another format is refused by name', async () => {
  expect(await type(['status', '--log-format', 'xml'])).toMatchObject({
    code: 2,
    err: expect.stringContaining('Allowed choices are text, json'),
  });
});
