import { mkdtempSync, readdirSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { basename, join } from 'node:path';
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
    [['agent', 'restart', '--retry-failed', ''], 'expected the id or name of an operation'],
    [['agent', 'upgrade', '--file', '/dev/null'], 'names no VM, expected one a line'],
    [['agent', 'restart', '10.0.2.1', '--retry-failed', 'agents-1'], 'expected one of them'],
    [['agent', 'remove', '--all', '--forget'], 'expected the names of those that do not come back'],
    [['agent', 'remove', '--forget'], 'no VM is named'],
  ])('%j never means all VMs', async (argv, text) => {
    const path = writeEnv(`${goodEnv}\nKRAKEN_IMAGE_REGISTRY=registry.example\n`);
    const { code, err } = await type(['--env-file', path, ...argv]);
    expect([code, err]).toEqual([2, expect.stringContaining(text)]);
  });

  test.each([[['help']], [['help', 'deploy']], [['op', 'help', 'list']]])(
    '%j is an answer, not a mistake',
    async (argv) => {
      const { code, err } = await type(argv);
      expect([code, err]).toEqual([0, '']);
    },
  );

  test.each([
    [['deploy', '--timeout', 'soon'], '--timeout soon: expected a time such as 90s, 30m or 2h, at most 168h'],
    [['deploy', '--timeout', '0'], '--timeout 0: expected'],
    [['op', 'attach', '--timeout', '169h'], '--timeout 169h: expected'],
    [['agent', 'upgrade', '--timeout', ''], '--timeout : expected'],
    [['firewall', 'apply', '--detach', '--timeout', '5m'], "cannot be used with option '--detach'"],
    [['plan', '--timeout', '5m'], "unknown option '--timeout'"],
  ])('%j: a time-out is one of following, and a time', async (argv, text) => {
    const { code, err } = await type(argv);
    expect([code, err]).toEqual([2, expect.stringContaining(text)]);
  });

  test('a wrong --max-failures is refused before the cluster is changed', async () => {
    const path = writeEnv(`${goodEnv}\nKRAKEN_IMAGE_REGISTRY=registry.example\n`);
    const { code, err } = await type(['--env-file', path, 'deploy', '--yes', '--max-failures', 'banana']);
    expect([code, err]).toEqual([2, expect.stringContaining('--max-failures banana')]);
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

  test.each<[string, string[], (path: string) => string, string]>([
    ['its folder is missing', [], (path) => join(path, 'missing', '.env'), 'the folder PATH/missing is not there'],
    [
      'its folder is missing, --force',
      ['--force'],
      (path) => join(path, 'no', '.env'),
      'the folder PATH/no is not there',
    ],
    ['a file is where its folder would be', [], (path) => join(path, 'file', '.env'), 'PATH/file is no folder'],
    [
      'a file is far above it',
      [],
      (path) => join(path, 'file', 'a', '.env'),
      'the folder PATH/file/a is not there|PATH.* ENOTDIR',
    ],
    ['its name is too long', [], (path) => join(path, 'a'.repeat(300)), 'PATH/a+ cannot be written: ENAMETOOLONG'],
    ['it is a folder', [], (path) => path, 'PATH is a folder; expected the path of a file'],
    ['it is a folder, --force', ['--force'], (path) => path, 'PATH is a folder; expected the path of a file'],
    ['it is a link to nothing', [], (path) => join(path, 'link'), 'PATH/link is there already'],
    // Where not even root may write.
    ['its folder takes no file', [], () => '/sys/new.env', '/sys/new.env cannot be written: EACCES|EROFS|EPERM'],
    ['its folder takes no file, --force', ['--force'], () => '/sys/new.env', '/sys/new.env cannot be written:'],
  ])('%s: exit 2 with the path, nothing is written and nothing is left', async (_, words, pathIn, text) => {
    writeFileSync(join(folder, 'file'), '');
    symlinkSync(join(folder, 'nothing'), join(folder, 'link'));
    const files = () =>
      [folder, tmpdir()].map((at) =>
        readdirSync(at).filter((name) => at === folder || name.startsWith(basename(folder))),
      );
    const before = files();
    const { code, err, out } = await type(['init', '--env-file', pathIn(folder), ...given, ...words]);
    expect([code, out]).toEqual([2, '']);
    expect(err).toMatch(new RegExp(`✘ USAGE ${text.replaceAll('PATH', folder)}`));
    expect(files()).toEqual(before);
  });

  test('a wrong answer writes nothing', async () => {
    const path = join(folder, 'new.env');
    const { code, err } = await type(['init', '--env-file', path, '--nodes', '10.0.1.1,10.0.1.1,not an address']);
    expect(code).toBe(2);
    expect(err).toContain('nothing was written');
    expect(await type(['check', '--offline', '--env-file', path])).toMatchObject({ code: 2 });
  });
});

describe('options of a rollout are judged before anything is done, each by name, value and what was expected', () => {
  const window = 'expected HH:MM-HH:MM and a time zone, such as "22:00-04:00 Europe/Berlin", or none';
  test.each([
    [['--batch', '0'], '--batch 0: expected a whole number of nodes, 1 to 3'],
    [['--batch', '4'], '--batch 4: expected a whole number of nodes, 1 to 3'],
    [['--batch', '50%'], '--batch 50%: expected'],
    [['--bake', 'soon'], '--bake soon: expected a time such as 90s, 30m or 2h, at most 24h'],
    [['--bake', '25h'], '--bake 25h: expected'],
    [['--bake', ''], '--bake : expected'],
    [['--maintenance-window', '22:00-04:00'], `--maintenance-window 22:00-04:00: ${window}`],
    [['--maintenance-window', '22:00-04:00 Europe/Atlantis'], 'no time zone Europe/Atlantis is known'],
    [['--maintenance-window', '22:00-22:00 UTC'], 'it begins when it ends'],
    [['--maintenance-window', '24:00-04:00 UTC'], '24:00 is no time of day'],
    [['--maintenance-window', ''], window],
    [['--to-version', 'v1/2'], '--to-version v1/2: expected an image tag of at most 128 characters'],
    [['--to-version', ''], '--to-version : expected an image tag'],
    [['--reason', ' '], '--reason : expected one line of 1 to 300 characters'],
    [['--reason', 'a\nb'], 'expected one line of 1 to 300 characters'],
    [['--reason', 'x'.repeat(301)], `--reason ${'x'.repeat(40)}…: expected one line`],
  ])('deploy %j', async (words, text) => {
    const path = writeEnv(`${goodEnv}\nKRAKEN_IMAGE_REGISTRY=images.example\n`);
    const { code, err, out } = await type(['deploy', ...words, '--env-file', path]);
    expect({ code, out }).toEqual({ code: 2, out: '' });
    expect(err).toContain('USAGE');
    expect(err).toContain(text);
  });

  test.each([
    [['op', 'pause']],
    [['op', 'resume']],
    [['op', 'approve']],
    [['op', 'approve', '--deny']],
    [['op', 'cancel']],
  ])('%j takes no reason that is none', async (words) => {
    const { code, err } = await type([...words, '--reason', '']);
    expect(code).toBe(2);
    expect(err).toContain('--reason : expected one line of 1 to 300 characters');
  });
});

describe('without Temporal', () => {
  test.each([
    ['deploy'],
    ['deploy --bake 30m --batch 3 --approve-each-node --no-rollback --to-version v0.1.28 --maintenance-window none'],
    ['op pause'],
    ['op resume'],
    ['op approve'],
    ['op approve --deny --at node-2'],
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
