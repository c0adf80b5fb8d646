import fc from 'fast-check';
import { writeEnvValue } from '../../src/config/env-value';
import type { KeyDefinition } from '../../src/config/key';
import { findKey, keyNames, keys } from '../../src/config/keys';
import { loadConfig } from '../../src/config/load';
import type { Mistake } from '../../src/config/mistakes';
import { anyText } from '../support/any-text';
import { runsOf, sliceOf } from '../support/slice';
import { leastEnv, leastText, mistakesOf } from './samples';
import { wrongTexts } from './wrong-values';

/** What a key needs beside it so that nothing but its own value is wrong. */
const companions: Record<string, string> = { IMAGE_ARCHIVE_DIR: 'IMAGE_SOURCE=load\n' };

const table = Object.entries(wrongTexts);

test('every key has sixteen different wrong values', () => {
  expect(Object.keys(wrongTexts).toSorted()).toEqual(['CLUSTER_NODE_2', ...keyNames].toSorted());
  for (const [key, texts] of table) expect([key, new Set(texts).size]).toEqual([key, 16]);
});

describe('each of sixteen wrong values of each field is one mistake that names key, value and expectation', () => {
  test.each(table)('%s, by the environment or a flag', (key, texts) => {
    for (const text of sliceOf(texts)) expectOneMistake({ key, text, file: 'flag' }, loadFlag(key, text));
  });

  test.each(table)('%s, in .env, with its line', (key, texts) => {
    for (const text of sliceOf(texts, 2)) expectOneMistake({ key, text, file: '.env' }, loadLine(key, text));
  });
});

/** Ranges are checked before whether a thing is built, so that each generated value is wrong by its own schema. */
test('each generated wrong value of each field is one mistake, and none throws', () => {
  const texts = fc.oneof(
    fc.string({ maxLength: 40 }),
    anyText(40),
    fc.constantFrom(...new Set(Object.values(wrongTexts).flat())),
    fc.mixedCase(fc.constantFrom(...keyNames.map((name) => (keys[name] as KeyDefinition).default ?? 'x'))),
  );
  const names = fc.constantFrom(...keyNames, 'CLUSTER_NODE_2');
  fc.assert(
    fc.property(names, texts, (key, text) => {
      fc.pre(!findKey(key)!.schema.safeParse(text).success);
      expectOneMistake({ key, text, file: 'flag' }, loadFlag(key, text));
    }),
    { numRuns: runsOf(2000) },
  );
});

function loadFlag(key: string, text: string): Mistake[] {
  const companion = key in companions ? { IMAGE_SOURCE: 'load' } : {};
  return mistakesOf(loadConfig({ environment: { ...leastEnv, ...companion }, flags: { [key]: text } }));
}

function loadLine(key: string, text: string): Mistake[] {
  const others = leastText.replace(new RegExp(`^${key}=.*\n`, 'm'), '') + (companions[key] ?? '');
  // A line end inside a value would only make another line, as anybody can write; the parser's own tests have those.
  const value = writeEnvValue(text.replaceAll('\n', '\u0001'));
  return mistakesOf(loadConfig({ envFile: { name: '.env', text: `${others}${key}=${value}\n` } }));
}

function expectOneMistake(case_: { key: string; text: string; file: string }, mistakes: Mistake[]): void {
  const { key, text, file } = case_;
  const seen = { key, text, mistakes: mistakes.length };
  expect(seen).toEqual({ key, text, mistakes: 1 });
  const mistake = mistakes[0]!;
  expect(mistake).toMatchObject({ key, file });
  expect(mistake.line !== undefined).toBe(file === '.env');
  expect(mistake.problem.length + mistake.expected.length).toBeGreaterThan(10);
  expect(JSON.stringify(mistake)).not.toMatch(/\\u00[01]|undefined|\[object/);
  if (findKey(key)!.secret && text !== '') expect(mistake.value ?? '[redacted]').toBe('[redacted]');
  else if (/^[A-Za-z0-9._:,+-]{1,40}$/.test(text)) expect(mistake.value).toBe(text);
}
