import { existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { CliFailure } from '../../src/cli/failure';
import { parseWholeNumber } from '../../src/cli/numbers';
import { loadConfig } from '../../src/config/load';
import { checkLabName } from '../../src/lab/names';
import { labDown } from '../../src/lab/removal';
import { hostile } from '../config/hostile';
import { sliceOf } from '../support/slice';
import { type Captured, type } from './streams';

/** Each hostile text as each argument that is a text: refused with one clear error, or carried harmlessly; nothing of it is run. */

let folder: string;
const home = process.cwd();
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'krakenctl-hostile-'));
  process.chdir(folder);
  const nodes = [1, 2, 3].map((n) => `CLUSTER_NODE_${n}=10.0.1.${n}`);
  writeFileSync('.env', [...nodes, 'KRAKEN_IMAGE_REGISTRY=images.example', 'KRAKEN_VERSION=v0.1.27', ''].join('\n'));
});
afterAll(() => {
  process.chdir(home);
  rmSync(folder, { recursive: true });
});

/** A lone `--` ends the options and is no argument; with it these commands would be typed as they should be. */
const asArguments = hostile.filter((text) => text !== '--');

const commands: [string, (text: string) => string[]][] = [
  ['a command', (t) => [t]],
  ['an option', (t) => ['deploy', `--${t}`]],
  ['--env-file', (t) => ['plan', '--env-file', t]],
  ['--output', (t) => ['plan', '--output', t]],
  ['--color', (t) => ['plan', '--color', t]],
  ['deploy --plan', (t) => ['deploy', '--plan', t]],
  ['deploy --timeout', (t) => ['deploy', '--timeout', t]],
  ['deploy --concurrency', (t) => ['deploy', '--concurrency', t]],
  ['logs NODE', (t) => ['logs', t]],
  ['logs node-1 PART', (t) => ['logs', 'node-1', t]],
  ['logs --hosts', (t) => ['logs', '--hosts', t]],
  ['status --roles', (t) => ['status', '--roles', t]],
  ['check --hosts', (t) => ['check', '--hosts', t]],
  ['logs --tail', (t) => ['logs', '--tail', t]],
  ['op list --limit', (t) => ['op', 'list', '--limit', t]],
  ['cluster destroy --confirm', (t) => ['cluster', 'destroy', '--confirm', t]],
  ['cluster take-over --confirm', (t) => ['cluster', 'take-over', '--confirm', t]],
  ['completion', (t) => ['completion', t]],
];

const obeyed = /[\u0000-\u0008\u000b-\u001f\u007f-\u009f\u200b-\u200f\u2028-\u202e\u2060-\u206f\ufeff]/;

function isOneClearError({ code, out, err }: Captured): boolean {
  const isNamed = /✘ (USAGE|CONFIG_INVALID|CONFIRMATION_NEEDED) /.test(err) && err.match(/✘/g)?.length === 1;
  return code === 2 && out === '' && isNamed && !/\n\s+at /.test(err) && !obeyed.test(err);
}

test('what is looked for is found', () => {
  const good = { code: 2, out: '', err: '✘ USAGE no\n' };
  expect(isOneClearError(good)).toBe(true);
  const faults = [
    { code: 0 },
    { out: 'x' },
    { err: 'no' },
    { err: '✘ USAGE a\n✘ USAGE b' },
    { err: '✘ USAGE a\n    at b' },
  ];
  for (const fault of [...faults, { err: '✘ USAGE \u001b[2J' }])
    expect(isOneClearError({ ...good, ...fault })).toBe(false);
});

test.each(commands.map(([name, argv], at) => [name, argv, at] as const))('%s', async (_, argv, at) => {
  const before = readdirSync('.');
  const faults: unknown[] = [];
  for (const text of sliceOf(asArguments, at)) {
    const answer = await type(argv(text));
    if (!isOneClearError(answer)) faults.push({ text, ...answer });
  }
  expect(faults).toEqual([]);
  expect(readdirSync('.')).toEqual(before);
});

test.each(['--nodes', '--registry', '--version', '--name', '--ssh-user'])(
  'init %s: nothing is written, or a .env that means exactly this',
  async (option) => {
    const keys = { '--nodes': 'CLUSTER_NODE_1', '--registry': 'KRAKEN_IMAGE_REGISTRY', '--version': 'KRAKEN_VERSION' };
    const key = { ...keys, '--name': 'CLUSTER_NAME', '--ssh-user': 'SSH_USER' }[option]!;
    for (const text of sliceOf(hostile)) {
      rmSync('new.env', { force: true });
      const { code, err } = await type(['init', '--env-file', 'new.env', option, text, '--yes']);
      expect(err).not.toMatch(obeyed);
      if (code !== 0) {
        expect({ text, code, written: existsSync('new.env') }).toEqual({ text, code: 2, written: false });
        continue;
      }
      const loaded = loadConfig({ envFile: { name: 'new.env', text: readFileSync('new.env', 'utf8') } });
      // What is not complete yet may lack nodes, and has no other mistake.
      if (!loaded.ok) expect(loaded.mistakes.filter((m) => m.key === key)).toEqual([]);
      else expect(option === '--nodes' ? text.split(/[ \t\n,]+/) : [text]).toContain(loaded.settings[key]!.value);
    }
    expect(readdirSync('.').filter((name) => !['.env', 'new.env'].includes(name))).toEqual([]);
  },
);

/** By the function itself: a command that took a wrong number would start a lab or a server. */
test('no hostile text is a number', () => {
  for (const text of [
    ...hostile,
    '',
    ' ',
    '\t3',
    '3 ',
    '\u20283',
    '+3',
    '-3',
    '03',
    '0x3',
    '3e1',
    '3.0',
    '\uff13',
    '9'.repeat(20),
  ]) {
    expect(() => parseWholeNumber(text, { option: '--nodes', min: 0 })).toThrow(CliFailure);
  }
  expect(parseWholeNumber('3', { option: '--nodes', min: 0 })).toBe(3);
});

test('no hostile text is the name of a lab, and what lies above a lab is never removed', async () => {
  const state = join(folder, 'a', 'b', 'state');
  const kept = join(state, 'lab', 'demo', 'lab.json');
  mkdirSync(dirname(kept), { recursive: true });
  writeFileSync(kept, '{}');
  const before = process.env.KRAKENCTL_STATE_DIR;
  process.env.KRAKENCTL_STATE_DIR = state;
  try {
    const plain = (text: string) => /^[a-z0-9-]{1,30}$/.test(text) && !text.startsWith('-');
    for (const text of [...hostile, ''].filter((t) => !plain(t))) expect(() => checkLabName(text)).toThrow(RangeError);
    for (const name of ['', '.', '..']) await expect(labDown(name)).rejects.toThrow(RangeError);
  } finally {
    if (before === undefined) delete process.env.KRAKENCTL_STATE_DIR;
    else process.env.KRAKENCTL_STATE_DIR = before;
  }
  expect(existsSync(kept)).toBe(true);
});

test.each([
  ['deploy', '--plan', ''],
  ['deploy', '--plan', 'a'],
  ['deploy', '--plan', 'abcdef01234'],
  ['deploy', '--plan', 'ABCDEF012345'],
  ['op', 'list', '--limit', ''],
  ['init', '--nodes', '', '--env-file', 'other.env'],
  ['op', 'list', '--limit', '0'],
  ['op', 'list', '--limit', 'many'],
])('%s %s %j is refused, not taken for something else', async (...argv) => {
  expect(await type(argv)).toMatchObject({ code: 2, err: expect.stringContaining('expected') });
});
