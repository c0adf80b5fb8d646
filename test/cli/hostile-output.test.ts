import fc from 'fast-check';
import { CliFailure } from '../../src/cli/failure';
import { Output, type OutputOptions } from '../../src/cli/output';
import { renderPlan } from '../../src/cli/plan-text';
import { renderStatus } from '../../src/cli/status-text';
import { showForeign } from '../../src/cli/terminal-text';
import { judgeServing } from '../../src/cluster/serving';
import { hostile } from '../config/hostile';
import { anyText } from '../support/any-text';
import { exampleImages, exampleSpec, observedAs, planFor } from '../support/cluster';
import { captureStreams } from './streams';

/** Whatever a host, an image, a registry or a `.env` says, a terminal gets no character of it that it would obey. */

const obeyed = /[\u0000-\u0008\u000b-\u001f\u007f-\u009f\u200b-\u200f\u2028-\u202e\u2060-\u206f\ufeff]/;
const ownColors = /\u001b\[(?:1|2|22|31|32|33|36|39)m/g;

const modes: [string, Partial<OutputOptions>][] = [
  ['text', {}],
  ['text with colours', { color: 'always' }],
  ['text, verbose', { verbose: true }],
  ['json', { format: 'json' }],
  ['json lines', { format: 'jsonl' }],
];

function writtenBy(options: Partial<OutputOptions>, write: (output: Output) => void): { out: string; err: string } {
  const streams = captureStreams();
  write(new Output(streams, { format: 'text', ...options }));
  return streams.written;
}

function sayEverywhere(text: string): (output: Output) => void {
  return (output) => {
    output.line(text);
    output.line(output.colors.red(text));
    output.note(text);
    output.detail(text);
    output.item({ text });
    output.result({ text });
    output.succeed();
    output.fail(new CliFailure(text, text, { host: text, hint: text, cause: new Error(text) }));
  };
}

describe.each(modes)('in %s', (_, options) => {
  test('each of 300 hostile texts is written harmlessly, wherever it stands', () => {
    for (const text of hostile) {
      const { out, err } = writtenBy(options, sayEverywhere(text));
      for (const written of [out, err]) expect(written.replace(ownColors, '')).not.toMatch(obeyed);
    }
  });

  test('so is any text', () => {
    fc.assert(
      fc.property(anyText(60), (text) => {
        const { out, err } = writtenBy(options, sayEverywhere(text));
        for (const written of [out, err]) expect(written.replace(ownColors, '')).not.toMatch(obeyed);
      }),
      { numRuns: 300 },
    );
  });
});

test('an envelope gives back exactly the text', () => {
  for (const text of hostile) {
    const { out } = writtenBy({ format: 'json' }, (output) => {
      output.result({ text });
      output.succeed();
    });
    expect(JSON.parse(out)).toEqual({ ok: true, data: { text } });
  }
});

test('what is printable stays as it is; line ends and tabs too', () => {
  fc.assert(
    fc.property(
      fc.string({ unit: fc.constantFrom('a', 'Z', ' ', '$', '[', '31m', 'ß', '漢', '😀', '\n', '\t') }),
      (text) => {
        expect(writtenBy({}, (output) => output.line(text)).out).toBe(`${text}\n`);
        expect(writtenBy({ color: 'always' }, (output) => output.line(text)).out).toBe(`${text}\n`);
      },
    ),
  );
});

test('krakenctl has its colours where they are wanted, and a colour that is not its own ends with the line', () => {
  const colored = (text: string) => writtenBy({ color: 'always' }, (output) => output.line(text)).out;
  expect(writtenBy({ color: 'always' }, (o) => o.line(o.colors.red('x'))).out).toBe('\u001b[31mx\u001b[39m\n');
  expect(colored('host says \u001b[31mred')).toBe('host says \u001b[31mred\u001b[22m\u001b[39m\n');
  expect(colored('\u001b[8mhidden')).toBe('<U+001B>[8mhidden\n');
  expect(writtenBy({}, (o) => o.line('\u001b[31mred')).out).toBe('<U+001B>[31mred\n');
  expect(showForeign('\u001b[31mred')).toBe('<U+001B>[31mred');
});

test('a log line that ends as on Windows loses nothing but that', () => {
  expect(showForeign('started\r')).toBe('started');
  expect(showForeign('10%\r20%')).toBe('10%<U+000D>20%');
});

test('a failure that a host words cannot look like a second message', () => {
  const { err } = writtenBy({}, (o) => o.fail(new CliFailure('ENGINE_ERROR', 'no\n✔ Done in 1 s\r✔ Done')));
  expect(err).toBe('✘ ENGINE_ERROR no\n    ✔ Done in 1 s<U+000D>✔ Done\n');
});

test('plan and status show what hosts say in names, labels, versions and errors harmlessly', () => {
  const spec = exampleSpec();
  const images = exampleImages(spec);
  // Each payload as it is: the others are these inside a longer text.
  for (const text of hostile.slice(0, 50)) {
    const observed = observedAs(spec, images);
    const first = observed.hosts[0]!;
    observed.hosts[2] = { host: 'node-3', reachable: false, error: text };
    if (first.reachable) {
      first.engine = text;
      for (const c of first.containers)
        Object.assign(c, { operation: text, fingerprint: text, cluster: undefined, state: text });
    }
    const plan = planFor(spec, images, observed);
    const { out } = writtenBy({ color: 'always' }, (output) => {
      const view = { colors: output.colors, columns: 160, tookMs: 1, hosts: 3, verbose: true };
      output.lines(renderPlan(plan, view));
      const serving = judgeServing({ spec, observed });
      const running = { operation: text, actor: text, startedAt: new Date(0) };
      const facts = {
        spec,
        observed,
        serving,
        version: text,
        images: text,
        differing: [text],
        running,
        at: new Date(0),
      };
      output.lines(renderStatus(facts, output.colors));
    });
    expect(out.replace(ownColors, '')).not.toMatch(obeyed);
  }
});
