import fc from 'fast-check';
import { readEnvValue, Unreadable, writeEnvValue } from '../../src/config/env-value';
import type { KeyDefinition } from '../../src/config/key';
import { findKey, keyNames, keys } from '../../src/config/keys';
import { loadConfig } from '../../src/config/load';
import { renderEnv } from '../../src/config/template';
import { anyText } from '../support/any-text';
import { hostile } from './hostile';
import { leastEnv } from './samples';
import { wrongTexts } from './wrong-values';

/** Files with one wrong field, and right files in any spelling. */

export const fieldNames = [...keyNames, 'CLUSTER_NODE_2'];
/** A secret with this in it must not be seen anywhere. */
export const canary = 'c4naryInASecret';

export interface WrongFile {
  key: string;
  text: string;
  file: string;
  /** 1-based, of the wrong field. */
  line: number;
}

export interface RightFile {
  values: Record<string, string>;
  file: string;
}

type Lines = { blank: string; before: number }[];

const filler = fc.array(
  fc.record({
    blank: fc.constantFrom('', '# a comment', '   ', '#KEY=value', '# $(touch canary)', '\t'),
    before: fc.nat(200),
  }),
  { maxLength: 5 },
);

/** What a key needs beside it so that nothing but its own value is wrong. */
const companions: Record<string, Record<string, string>> = { IMAGE_ARCHIVE_DIR: { IMAGE_SOURCE: 'load' } };

export const wrongFiles: fc.Arbitrary<WrongFile> = fc
  .record({
    key: fc.constantFrom(...fieldNames),
    text: fc.oneof(
      { weight: 4, arbitrary: fc.constantFrom(...new Set(Object.values(wrongTexts).flat())) },
      { weight: 3, arbitrary: fc.constantFrom(...hostile) },
      { weight: 2, arbitrary: fc.string({ maxLength: 40 }) },
      { weight: 1, arbitrary: anyText(40) },
    ),
    quoted: fc.boolean(),
    filler,
    crlf: fc.boolean(),
  })
  .map(({ key, text: any, quoted, filler: lines, crlf }) => {
    // A line end would only make another line, as anybody can write.
    const plain = any.replace(/[\r\n]/g, '\u0001');
    const text = findKey(key)!.secret ? `${canary}${plain}` : plain;
    const { [key]: _, ...others } = { ...leastEnv, ...companions[key] };
    const entries = Object.entries(others).map(([name, value]) => `${name}=${writeEnvValue(value)}`);
    const wrong = `${key}=${quoted ? writeEnvValue(text) : text}`;
    const all = mix([...entries, wrong], lines);
    return {
      key,
      text: wrong.slice(key.length + 1),
      file: all.join(crlf ? '\r\n' : '\n'),
      line: all.indexOf(wrong) + 1,
    };
  })
  .filter(({ key, text }) => isWrong(key, text));

/** By the field's own schema; one that is right in itself and clashes with another is the rules' own test. */
function isWrong(key: string, written: string): boolean {
  const value = readEnvValue(written.replace(/[ \t]+$/, ''));
  return value instanceof Unreadable || !findKey(key)!.schema.safeParse(value).success;
}

const pool = [
  'true',
  'false',
  '0',
  '1',
  '2',
  '3',
  '7',
  '16',
  '64',
  '128',
  '1024',
  '4096',
  '8443',
  '18080',
  '28081',
  '0.5',
  '1.25',
  '512m',
  '1g',
  '2GB',
  '300mb',
  '0',
  '500ms',
  '5s',
  '10s',
  '30s',
  '2m',
  '3h',
  '1d',
  '/srv/a',
  '/srv/a/',
  '~/keys/id',
  'ana',
  'root',
  '10.0.1.77',
  'storage.example',
  'ana@10.0.1.78:2222',
  'images.example/kraken',
  'a.test:5000/k',
  'v0.1.27',
  'v0.1.28-rc1',
  'redis:7.2',
  'a.test:5000/redis:7',
  'pull',
  'load',
  'testfs',
  'node-1',
  'node-1,node-3',
  'blue',
  'blue-2',
  'noeviction',
  'allkeys-lru',
  '0 2 * * *',
  '*/5 1-3 * * mon',
  'sftp:ana@b.test:/srv/b',
  '/srv/b',
];

/** Texts that each key takes, alone. */
export const rightTexts: Record<string, string[]> = Object.fromEntries(
  fieldNames.map((name) => {
    const { default: text, example, secret, schema } = findKey(name) as KeyDefinition;
    const own = [text, example, ...(secret ? ['https://a.test/hook/123', 'a long enough secret'] : pool)];
    // The schema is asked first: it forbids most of them, and a whole configuration takes a millisecond.
    const fits = (t: string | undefined): t is string =>
      t !== undefined &&
      schema.safeParse(t).success &&
      loadConfig({ environment: { ...leastEnv, ...companions[name] }, flags: { [name]: t } }).ok;
    return [name, [...new Set(own.filter(fits))]];
  }),
);

const choices = fieldNames.filter((name) => rightTexts[name]!.length > 0 && name in keys);

export const rightFiles: fc.Arbitrary<RightFile> = fc
  .record({
    chosen: fc.uniqueArray(fc.record({ at: fc.nat(choices.length - 1), pick: fc.nat(50) }), {
      selector: (c) => c.at,
      maxLength: 12,
    }),
    filler,
    spelling: fc.array(fc.nat(4), { minLength: 20, maxLength: 20 }),
    order: fc.array(fc.nat(100), { minLength: 20, maxLength: 20 }),
    crlf: fc.boolean(),
  })
  .map(({ chosen, filler: lines, spelling, order, crlf }) => {
    const values: Record<string, string> = { ...leastEnv };
    for (const { at, pick } of chosen) {
      const texts = rightTexts[choices[at]!]!;
      values[choices[at]!] = texts[pick % texts.length]!;
    }
    const entries = Object.entries(values)
      .map(([name, value], i) => ({ at: order[i % 20]!, line: spell(name, value, spelling[i % 20]!) }))
      .sort((a, b) => a.at - b.at);
    return {
      values,
      file: mix(
        entries.map((e) => e.line),
        lines,
      ).join(crlf ? '\r\n' : '\n'),
    };
  })
  .filter(({ values }) => loadConfig({ environment: values }).ok);

/** Ways to write the same. */
function spell(name: string, value: string, way: number): string {
  if (way === 1) return `export ${name}=${writeEnvValue(value)}`;
  if (way === 2) return `  ${name}=${writeEnvValue(value)}  # because`;
  if (way === 3) return value.includes("'") ? `${name}=${writeEnvValue(value)}` : `${name}='${value}'`;
  if (way === 4) return /["\\$`]/.test(value) ? `${name}=${writeEnvValue(value)}` : `${name}="${value}"\t`;
  return `${name}=${writeEnvValue(value)}`;
}

function mix(entries: string[], lines: Lines): string[] {
  const all = [...entries];
  for (const { blank, before } of lines) all.splice(before % (all.length + 1), 0, blank);
  return all;
}

export function canonical(values: Record<string, string>): string {
  return renderEnv(values);
}
