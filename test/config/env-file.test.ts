import { execFileSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import { parseEnvFile } from '../../src/config/env-file';
import { writeEnvValue } from '../../src/config/env-value';
import { anyText } from '../support/any-text';
import { runsOf } from '../support/slice';

const parse = (text: string) => parseEnvFile(text, '.env');
const readValue = (line: string) => parse(line).entries[0]?.value;
const problemsOf = (text: string) => parse(text).mistakes.map(({ problem }) => problem);

describe('the .env parser accepts', () => {
  test.each([
    ['a plain value', 'KEY=a', 'a'],
    ['export, since shells source the file', 'export KEY=a', 'a'],
    ['blanks before the key and after the value', '  KEY=a  ', 'a'],
    ['an equals sign in the value', 'KEY=a=b', 'a=b'],
    ['a comment after a blank', 'KEY=a # why', 'a'],
    ['single quotes as they stand', `KEY='a $b \`c\` "d" \\ #e'`, 'a $b `c` "d" \\ #e'],
    ['double quotes', 'KEY="0 2 * * *"', '0 2 * * *'],
    ['four escapes in double quotes', 'KEY="\\"\\\\\\$\\`"', '"\\$`'],
    ['a comment after quotes', 'KEY="a b" # why', 'a b'],
    ['an empty value, which the keys judge', 'KEY=', ''],
    ['an empty value before a comment', 'KEY= # why', ''],
    ['empty quotes', "KEY=''", ''],
    ['CRLF line ends', 'KEY=a\r\n', 'a'],
    ['a byte order mark', '\ufeffKEY=a', 'a'],
    ['letters of any language', 'KEY=größe', 'größe'],
    ['a home folder', 'KEY=~/x', '~/x'],
  ])('%s', (_rule, text, value) => {
    expect(parse(text)).toEqual({ entries: [{ key: 'KEY', value, line: 1 }], mistakes: [] });
  });

  test('comments, empty lines and lines of blanks as nothing', () => {
    expect(parse('# a\n\n \t \n  # b\n')).toEqual({ entries: [], mistakes: [] });
  });

  test('tabs around things but not in values', () => {
    expect(readValue('\tKEY=a\t# why')).toBe('a');
    expect(problemsOf('KEY="a\tb"')).toEqual(['a tab in the value']);
    expect(problemsOf('KEY=a\tb')).toEqual(['a blank in a value without quotes']);
  });
});

describe('the .env parser refuses, each with its line and once', () => {
  test.each([
    ['a command', 'KEY=$(touch canary)', /a shell would run/],
    ['a command in double quotes', 'KEY="$(touch canary)"', /a shell would run/],
    ['backticks', 'KEY=`id`', /a shell would run/],
    ['a variable', 'KEY=$HOME', /a shell would replace/],
    ['a variable in double quotes', 'KEY="${HOME}"', /a shell would replace/],
    ['a second command', 'KEY=a;id', /; without quotes/],
    ['a pipe', 'KEY=a|id', /\| without quotes/],
    ['a redirection', 'KEY=a>b', /> without quotes/],
    ['a background job', 'KEY=a&', /& without quotes/],
    ['a backslash', 'KEY=a\\b', /\\ without quotes/],
    ['a pattern of files', 'KEY=/tmp/*', /\* without quotes/],
    ['braces', 'KEY={a,b}', /\{ without quotes/],
    ["another user's home", 'KEY=~root/x', /~ without quotes/],
    ['a blank', 'KEY=a b', /a blank in a value/],
    ['a # that may be a comment', 'KEY=a#b', /take for a comment/],
    ['an open single quote', "KEY='a", /an open quote/],
    ['an open double quote', 'KEY="a', /an open quote/],
    ['a quote closed by an escape', 'KEY="a\\"', /an open quote/],
    ['a quote in the middle', 'KEY=a"b"', /a quote inside/],
    ['text after a closing quote', 'KEY="a"b', /after the closing quote/],
    ['a comment glued to a quote', 'KEY="a"#b', /after the closing quote/],
    ['another escape', 'KEY="a\\nb"', /\\n in double quotes/],
    ['a blank after the =', 'KEY= a', /a blank after the =/],
    ['a blank before the =', 'KEY =a', /a blank before the =/],
    ['no =', 'KEY_A', /no = in this line/],
    ['export without =', 'export KEY_A', /no = in this line/],
    ['a colon', 'KEY_A: b', /no = in this line/],
    ['no name', '=a', /no name before the =/],
    ['a lower-case name', 'key=a', /"key" is no name/],
    ['a name that begins with a digit', '1KEY=a', /is no name/],
    ['a hyphen in a name', 'A-B=a', /is no name/],
    ['NUL', 'KEY=a\u0000b', /U\+0000, in column 6/],
    ['a lone carriage return', 'KEY=a\rb', /U\+000D/],
    ['an escape sequence of a terminal', 'KEY=\u001b[31m', /U\+001B/],
    ['text that runs backwards', 'KEY=a\u202eb', /U\+202E/],
    ['a zero-width blank', 'KEY=a\u200bb', /U\+200B/],
    ['a line separator', 'KEY=a\u2028b', /U\+2028/],
    ['what was not UTF-8', 'KEY=a\ufffd', /U\+FFFD/],
    ['a byte order mark in the middle', 'KEY=\ufeffa', /U\+FEFF/],
    ['control characters in comments, which hide text from readers', '# a\u0000b', /U\+0000/],
  ])('%s', (_rule, text, problem) => {
    const { entries, mistakes } = parse(`A=1\n${text}\nB=2\n`);
    expect(entries.map(({ key }) => key)).toEqual(['A', 'B']);
    expect(mistakes).toHaveLength(1);
    expect(mistakes[0]).toMatchObject({ file: '.env', line: 2, problem: expect.stringMatching(problem) });
    expect(mistakes[0]!.expected).not.toBe('');
  });

  test('a key that is set twice, with both lines and neither value', () => {
    const { entries, mistakes } = parse('KEY=1\nB=2\nKEY=1\n');
    expect(entries).toEqual([{ key: 'B', value: '2', line: 2 }]);
    expect(mistakes).toMatchObject([{ line: 3, key: 'KEY', problem: expect.stringContaining('line 1') }]);
  });

  test('everything at once', () => {
    expect(parse('a=1\nB\nC="\nD=$(id)\n').mistakes.map(({ line }) => line)).toEqual([1, 2, 3, 4]);
  });
});

describe('a mistake never shows a secret', () => {
  test.each([
    'AUTH_SECRET="hunter2',
    'AUTH_SECRT=hunter2 x',
    'DB_PASSWORD=$hunter2',
    'AUTH_SECRET hunter2',
    'hunter2',
    'AUTH_SECRET=a\nAUTH_SECRET=hunter2',
    'AUTH_SECRET=hunter2\u0000',
  ])('%j', (text) => {
    const { mistakes } = parse(text);
    expect(mistakes).toHaveLength(1);
    expect(JSON.stringify(mistakes)).not.toContain('hunter2');
  });
});

const envText = fc.oneof(
  anyText(200),
  fc
    .array(
      fc.constantFrom('KEY', '=', '"', "'", '\\', '$', '(', '#', ' ', '\t', '\n', '\r', '\u0000', 'a', 'export '),
      {
        maxLength: 60,
      },
    )
    .map((parts) => parts.join('')),
);

test('the parser never throws, and what it returns is clean', () => {
  fc.assert(
    fc.property(envText, (text) => {
      const { entries, mistakes } = parse(text);
      for (const { key, value } of entries) {
        expect(key).toMatch(/^[A-Z][A-Z0-9_]*$/);
        expect(value).not.toMatch(/[\u0000-\u001f\u007f-\u009f\u2028\u2029]/);
      }
      for (const { line, problem, expected } of mistakes) {
        expect(line).toBeGreaterThan(0);
        expect(`${problem}${expected}`).not.toMatch(/[\u0000-\u001f\u007f]/);
      }
      expect(new Set(entries.map(({ key }) => key)).size).toBe(entries.length);
    }),
    { numRuns: runsOf(3000) },
  );
});

const printable = fc.string({
  unit: fc.integer({ min: 0x20, max: 0x7e }).map((c) => String.fromCharCode(c)),
  maxLength: 40,
});

test('what is written is read back', () => {
  fc.assert(
    fc.property(printable, (value) => {
      expect(parse(`KEY=${writeEnvValue(value)}\n`)).toMatchObject({ entries: [{ value }], mistakes: [] });
    }),
    { numRuns: runsOf(3000) },
  );
});

/** Every accepted line means the same to a shell: nobody who sources the file gets another cluster than krakenctl makes. */
test('a shell reads every accepted value as we do', () => {
  const shellish = fc
    .array(fc.constantFrom('"', "'", '\\', '$', '`', '#', ' ', '~', '/', ':', '*', '{', '}', ',', ';', 'a', '=', '!'), {
      maxLength: 12,
    })
    .map((parts) => parts.join(''));
  const values = fc.sample(shellish, { numRuns: 20_000, seed: 3 });
  const accepted = values.flatMap((rest) => {
    const entry = parse(`KEY=${rest}`).entries[0];
    return entry && !entry.value.startsWith('~/') ? [{ rest, value: entry.value }] : [];
  });
  const lines = accepted.flatMap(({ rest }) => [
    `KEY=${rest}`,
    'printf "%s\\0" "$KEY"',
    `export KEY=${rest}`,
    'printf "%s\\0" "$KEY"',
  ]);
  const folder = mkdtempSync(join(tmpdir(), 'krakenctl-env-'));
  try {
    const script = join(folder, 'script');
    writeFileSync(script, lines.join('\n'));
    const read = execFileSync('bash', [script], { maxBuffer: 2 ** 26 })
      .toString()
      .split('\0')
      .slice(0, -1);
    expect(accepted.length).toBeGreaterThan(1000);
    expect(read).toEqual(accepted.flatMap(({ value }) => [value, value]));
  } finally {
    rmSync(folder, { recursive: true });
  }
});
