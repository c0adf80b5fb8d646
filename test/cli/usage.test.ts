import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type } from './streams';

let folder: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'krakenctl-cli-'));
});
afterEach(() => rmSync(folder, { recursive: true }));

const goodEnv = [1, 2, 3].map((n) => `CLUSTER_NODE_${n}=10.0.1.${n}`).join('\n');

function writeEnv(text: string): string {
  const path = join(folder, '.env');
  writeFileSync(path, text);
  return path;
}

describe('what is typed wrongly', () => {
  test.each([
    [['nonsense'], "unknown command 'nonsense'"],
    [['deplyo'], 'Did you mean deploy?'],
    [['deploy', '--dryrun'], '--dry-run'],
    [['plan', '-o', 'yaml'], 'Allowed choices are text, json, jsonl'],
    [['op'], 'a command is missing'],
    [['completion'], "missing required argument 'shell'"],
    [['completion', 'tcsh'], 'Allowed choices are bash, zsh, fish'],
    [['lab', 'up', '--nodes', 'three'], 'expected a whole number'],
    [['temporal', 'up', '--port', '80'], 'expected a port, 1024 to 64535'],
  ])('%j is exit 2 and says what was expected', async (argv, text) => {
    const { code, err, out } = await type(argv);
    expect({ code, out }).toEqual({ code: 2, out: '' });
    expect(err).toContain('USAGE');
    expect(err).toContain(text);
  });

  test.each([
    [['--json', 'nonsense']],
    [['deploy', '--nope', '-o', 'json']],
    [['op', '--output=jsonl']],
    [['op', '-ojson']],
  ])('%j answers with an envelope alone on stdout', async (argv) => {
    const { code, out } = await type(argv);
    expect(code).toBe(2);
    expect(JSON.parse(out)).toMatchObject({
      ok: false,
      data: null,
      error: { code: 'USAGE', host: null, retryable: false },
    });
  });

  test('no stack trace without -v', async () => {
    expect((await type(['nonsense'])).err).not.toMatch(/\n\s+at /);
    expect((await type(['-v', 'nonsense'])).err).toMatch(/\n\s+at /);
  });
});

describe('configuration', () => {
  test('every mistake is told at once, with line, value and expectation, exit 2', async () => {
    const path = writeEnv(`${goodEnv}\nORIGIN_PROT=8080\nTRACKER_PORT=seven\n`);
    const { code, err } = await type(['check', '--offline', '--env-file', path]);
    expect(code).toBe(2);
    expect(err).toContain(`${path}:4`);
    expect(err).toContain('ORIGIN_PORT');
    expect(err).toContain(`${path}:5`);
    expect(err).toContain('no host was contacted');
  });

  test('mistakes are data in JSON', async () => {
    const path = writeEnv(`${goodEnv}\nORIGIN_PROT=8080\n`);
    const { code, out } = await type(['check', '--offline', '--env-file', path, '--json']);
    const answer = JSON.parse(out);
    expect(code).toBe(2);
    expect(answer.error.code).toBe('CONFIG_INVALID');
    expect(answer.data.mistakes).toEqual(
      expect.arrayContaining([expect.objectContaining({ key: 'ORIGIN_PROT', line: 4 })]),
    );
  });

  test('config show says who won', async () => {
    const path = writeEnv(
      `${goodEnv}\nKRAKEN_IMAGE_REGISTRY=images.example\nKRAKEN_VERSION=v0.1.27\nORIGIN_PORT=8181\n`,
    );
    const environment = { TRACKER_PORT: '9999' };
    const { code, out } = await type(['config', 'show', '--origin', '--env-file', path], { environment });
    expect(code).toBe(0);
    expect(out).toMatch(/ORIGIN_PORT=8181 .*\.env:6/);
    expect(out).toMatch(/TRACKER_PORT=9999 .*environment/);
    expect(out).toMatch(/PROXY_PORT=8083 .*default/);
  });
});

describe('init', () => {
  const given = ['--nodes', '10.0.1.1,10.0.1.2, 10.0.1.3', '--registry', 'images.example', '--version', 'v0.1.27'];

  test('writes a file that check accepts, and never over one', async () => {
    const path = join(folder, 'new.env');
    expect(await type(['init', '--env-file', path, ...given])).toMatchObject({ code: 0 });
    expect(await type(['check', '--offline', '--env-file', path])).toMatchObject({ code: 0 });
    expect(await type(['init', '--env-file', path, ...given])).toMatchObject({ code: 2 });
    expect(await type(['init', '--env-file', path, ...given, '--force'])).toMatchObject({ code: 0 });
  });

  test('without a terminal and without answers it writes the template and says what is missing', async () => {
    const path = join(folder, 'new.env');
    const { code, out } = await type(['init', '--env-file', path]);
    expect(code).toBe(0);
    expect(out).toContain(`wrote ${path}`);
  });

  test('a wrong answer writes nothing', async () => {
    const path = join(folder, 'new.env');
    const { code, err } = await type(['init', '--env-file', path, '--nodes', '10.0.1.1,10.0.1.1,not an address']);
    expect(code).toBe(2);
    expect(err).toContain('nothing was written');
    expect(await type(['check', '--offline', '--env-file', path])).toMatchObject({ code: 2 });
  });
});

describe('without Temporal', () => {
  test.each([
    ['deploy'],
    ['op attach'],
    ['cluster destroy --confirm cluster'],
    ['cluster take-over --confirm cluster'],
    ['op cancel'],
    ['test smoke'],
    ['worker status'],
    ['worker start'],
    ['temporal status'],
  ])('%s is exit 7 with the line to type', async (words) => {
    const path = writeEnv(`${goodEnv}\nKRAKEN_IMAGE_REGISTRY=images.example\nKRAKEN_VERSION=v0.1.27\n`);
    const { code, out } = await type([...words.split(' '), '--env-file', path, '--json']);
    expect(code).toBe(7);
    expect(JSON.parse(out).error).toMatchObject({
      code: 'TEMPORAL_UNREACHABLE',
      retryable: true,
      hint: expect.any(String),
    });
  });
});

describe('what cannot be undone asks for the name of the cluster', () => {
  test.each([
    ['nobody can type it', ['cluster', 'destroy'], '--confirm cluster'],
    ['--yes is no name', ['cluster', 'destroy', '--yes'], '--confirm cluster'],
    ['nobody can type it for a take-over', ['cluster', 'take-over'], '--confirm cluster'],
    ['it is another name', ['cluster', 'destroy', '--confirm', 'other'], 'this cluster is called cluster'],
  ])('%s: exit 2 at once', async (_, argv, text) => {
    const path = writeEnv(`${goodEnv}\nKRAKEN_IMAGE_REGISTRY=images.example\nKRAKEN_VERSION=v0.1.27\n`);
    const { code, err } = await type([...argv, '--env-file', path]);
    expect(code).toBe(2);
    expect(err).toContain('CONFIRMATION_NEEDED');
    expect(err).toContain(text);
  });
});

test('help is an answer: stdout, exit 0', async () => {
  const { code, out } = await type(['--help']);
  expect(code).toBe(0);
  expect(out).toContain('deploy');
  expect(out).toContain('Exit codes');
});

test('version says what a report needs', async () => {
  const { code, out } = await type(['version', '--json']);
  expect(code).toBe(0);
  expect(JSON.parse(out).data).toMatchObject({
    version: expect.any(String),
    node: process.versions.node,
    temporalSdk: '1.24.0',
  });
});
