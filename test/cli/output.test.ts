import { CliFailure } from '../../src/cli/failure';
import { Output, type OutputOptions, type Streams } from '../../src/cli/output';
import { captureStreams } from './streams';

function open(options: Partial<OutputOptions> = {}, change: Partial<Streams> = {}) {
  const streams = captureStreams(change);
  return { output: new Output(streams, { format: 'text', ...options }), written: streams.written };
}

test('in JSON, stdout is one envelope and words go to stderr', () => {
  const { output, written } = open({ format: 'json' });
  output.line('a line');
  output.result({ answer: 42 });
  output.succeed();
  expect(JSON.parse(written.out)).toEqual({ ok: true, data: { answer: 42 } });
  expect(written.err).toBe('a line\n');
});

test('in JSON lines each item is a line, and the last is the answer', () => {
  const { output, written } = open({ format: 'jsonl' });
  output.item(1);
  output.item(2);
  output.result('end');
  output.succeed();
  expect(
    written.out
      .trim()
      .split('\n')
      .map((l) => JSON.parse(l).data),
  ).toEqual([1, 2, 'end']);
});

test('a failure has code, host, hint and whether to try again', () => {
  const { output, written } = open({ format: 'json' });
  output.fail(new CliFailure('HOST_REFUSED', 'no key fits', { host: 'node-2', hint: 'do that' }));
  expect(JSON.parse(written.out)).toEqual({
    ok: false,
    data: null,
    error: { code: 'HOST_REFUSED', message: 'no key fits', host: 'node-2', retryable: false, hint: 'do that' },
  });
});

test('for a person it is one line, where, and the next command', () => {
  const { output, written } = open();
  output.fail(new CliFailure('HOST_REFUSED', 'no key fits\ntried 2 keys', { host: 'node-2', hint: 'do that' }));
  expect(written).toEqual({ out: '', err: '✘ HOST_REFUSED node-2: no key fits\n    tried 2 keys\n  → do that\n' });
});

test('what a part wrote last stands under the failure, and commands no terminal', () => {
  const logTail = { host: 'node-1', part: 'origin' as const, lines: ['panic: no\u001b[2J disk', '  main.go:1'] };
  const failure = new CliFailure('ROLLED_BACK', 'gate ready: origin', { hint: 'krakenctl op show', logTail });
  const text = open();
  text.output.fail(failure);
  expect(text.written.err).toBe(
    [
      '✘ ROLLED_BACK gate ready: origin',
      '    what origin of node-1 wrote last:',
      '    │ panic: no<U+001B>[2J disk',
      '    │   main.go:1',
      '  → krakenctl op show',
      '',
    ].join('\n'),
  );
  const json = open({ format: 'json' });
  json.output.fail(failure);
  expect(JSON.parse(json.written.out).error).toEqual({
    ...{ code: 'ROLLED_BACK', message: 'gate ready: origin', host: null, retryable: false, hint: 'krakenctl op show' },
    logTail,
  });
});

test('quiet keeps the answer and drops remarks', () => {
  const { output, written } = open({ quiet: true });
  output.line('answer');
  output.note('remark');
  expect(written).toEqual({ out: 'answer\n', err: '' });
});

const onTerminal = { live: true };
test.each([
  ['a terminal has colours', {}, onTerminal, true],
  ['a pipe has none', {}, {}, false],
  ['NO_COLOR', {}, { ...onTerminal, environment: { NO_COLOR: '1' } }, false],
  ['TERM=dumb', {}, { ...onTerminal, environment: { TERM: 'dumb' } }, false],
  ['CI', {}, { ...onTerminal, environment: { CI: 'true' } }, false],
  ['--color always wins over NO_COLOR', { color: 'always' as const }, { environment: { NO_COLOR: '1' } }, true],
  ['--color never', { color: 'never' as const }, onTerminal, false],
  ['JSON has none', { format: 'json' as const, color: 'always' as const }, onTerminal, false],
])('%s', (_, options, change, colored) => {
  expect(open(options, change).output.colors.red('x') !== 'x').toBe(colored);
});

test.each([
  ['a terminal', {}, onTerminal, true],
  ['a pipe', {}, {}, false],
  ['CI', {}, { ...onTerminal, environment: { CI: '1' } }, false],
  ['TERM=dumb', {}, { ...onTerminal, environment: { TERM: 'dumb' } }, false],
  ['JSON', { format: 'json' as const }, onTerminal, false],
])('redraws on %s: %j %j', (_, options, change, live) => {
  expect(open(options, change).output.isLive).toBe(live);
});
