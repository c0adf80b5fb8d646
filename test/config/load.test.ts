import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { inspect } from 'node:util';
import { formatMistakes, loadConfig } from '../../src/config/load';
import { Secret } from '../../src/config/secret';
import { leastText, loadText, mistakesOf } from './samples';

describe('a configuration of four lines', () => {
  const loaded = loadText('');

  test('is complete', () => {
    expect(loaded).toMatchObject({
      ok: true,
      warnings: [],
      logDir: '/tmp/kraken-logs',
      metricsDir: '/tmp/kraken-metrics',
      spec: {
        name: 'cluster',
        loadBalancers: ['node-1', 'node-2', 'node-3'],
        nodes: [{ id: 'node-1', address: '10.0.1.10', ssh: { address: '10.0.1.10', port: 22, user: 'root' } }, {}, {}],
        ports: {
          origin: 8080,
          tracker: 8081,
          buildIndex: 8082,
          proxy: 8083,
          lbProxy: 5000,
          lbTracker: 5003,
          redis: 6379,
        },
        storage: { backend: 'testfs' },
      },
    });
  });

  test('says of every value who said it', () => {
    expect(loaded.ok && loaded.settings).toMatchObject({
      CLUSTER_NODE_2: { value: '10.0.1.11', origin: '.env:2', inUse: true },
      ORIGIN_PORT: { value: '8080', origin: 'default', inUse: true },
      LB_NODES: { value: 'node-1,node-2,node-3', origin: 'default' },
      SSH_PROXY_JUMP: { value: null, origin: 'default' },
      RECOVERY_ENABLED: { value: 'false', inUse: false, note: 'not in use: recovery is not built yet' },
    });
  });
});

describe('who wins', () => {
  const envFile = { name: '.env', text: `${leastText}ORIGIN_PORT=1001\n` };

  test.each([
    ['.env over the default', {}, {}, 1001, '.env:5'],
    ['the environment over .env', { ORIGIN_PORT: '1002' }, {}, 1002, 'environment'],
    ['a flag over both', { ORIGIN_PORT: '1002' }, { ORIGIN_PORT: '1003' }, 1003, 'flag'],
    ['nobody by an empty environment variable', { ORIGIN_PORT: '' }, {}, 1001, '.env:5'],
    ['nobody by a flag that was not given', {}, { ORIGIN_PORT: undefined }, 1001, '.env:5'],
  ])('%s', (_rule, environment, flags, port, origin) => {
    const loaded = loadConfig({ envFile, environment, flags });
    expect(loaded).toMatchObject({
      ok: true,
      spec: { ports: { origin: port } },
      settings: { ORIGIN_PORT: { origin } },
    });
  });

  test('only known names are read from the environment', () => {
    const loaded = loadConfig({ envFile, environment: { ORIGIN_PROT: 'x', PATH: '/bin', CLUSTER_NODE_X: 'x' } });
    expect(loaded.ok && Object.keys(loaded.settings)).not.toContain('ORIGIN_PROT');
  });

  test('only the value that wins is judged', () => {
    const text = `${leastText}AUTO_BACKUP=true\n`;
    expect(loadConfig({ envFile: { name: '.env', text } }).ok).toBe(false);
    expect(loadConfig({ envFile: { name: '.env', text }, environment: { AUTO_BACKUP: 'false' } }).ok).toBe(true);
  });

  test('a mistake says whether file, environment or flag has it', () => {
    const loaded = loadConfig({ envFile, environment: { TRACKER_PORT: 'x' }, flags: { PROXY_PORT: 'y' } });
    expect(mistakesOf(loaded).map(({ file }) => file)).toEqual(['flag', 'environment'].toSorted());
  });

  test('a flag for a key that does not exist is a fault of the caller', () => {
    expect(() => loadConfig({ flags: { ORIGIN_PROT: '1' } })).toThrow(RangeError);
  });
});

describe('SSH', () => {
  test('an address may carry user and port, and has those of SSH_USER and SSH_PORT without', () => {
    const loaded = loadText('SSH_USER=ana\nSSH_PORT=2022\nCLUSTER_NODE_4=ops@node-4.example.com:2222\n');
    expect(loaded.ok && loaded.spec.nodes.map(({ ssh }) => ssh)).toEqual([
      { address: '10.0.1.10', user: 'ana', port: 2022 },
      { address: '10.0.1.11', user: 'ana', port: 2022 },
      { address: '10.0.1.12', user: 'ana', port: 2022 },
      { address: 'node-4.example.com', user: 'ops', port: 2222 },
    ]);
  });

  test("the bastion has SSH's own port unless it is given, whatever SSH_PORT says of the nodes", () => {
    const loaded = loadText('SSH_PORT=2022\nSSH_PROXY_JUMP=ops@bastion.example.com\n');
    expect(loaded.ok && loaded.spec.ssh.proxyJump).toEqual({ address: 'bastion.example.com', user: 'ops', port: 22 });
  });

  test.each([
    ['the agent, where one runs', '', { HOME: '/h', SSH_AUTH_SOCK: '/run/agent' }, undefined],
    ['the usual file, where none runs', '', { HOME: '/h' }, '/h/.ssh/id_ed25519'],
    ['the given file, in any case', 'SSH_KEY_PATH=~/k\n', { HOME: '/h', SSH_AUTH_SOCK: '/run/agent' }, '/h/k'],
  ])('the key is %s', (_rule, lines, environment, keyPath) => {
    const loaded = loadText(lines, environment);
    expect(loaded.ok && loaded.spec.ssh.keyPath).toBe(keyPath);
  });
});

describe('TLS', () => {
  test('alone is enough; files of one’s own go with it', () => {
    const alone = loadText('ENABLE_TLS=true\n');
    expect(alone.ok && alone.spec.tls).toEqual({ lifetimeSeconds: 90 * 86_400 });
    const given = loadText(
      'ENABLE_TLS=true\nCERT_PATH=/c.crt\nKEY_PATH=/c.key\nCA_PATH=/ca.crt\nTLS_CERT_LIFETIME=10m\n',
    );
    const files = { certificate: '/c.crt', key: '/c.key', trusted: '/ca.crt' };
    expect(given.ok && given.spec.tls).toEqual({ lifetimeSeconds: 600, given: files });
    expect(loadText('').ok && 'tls' in (loadText('') as { spec: object }).spec).toBe(false);
  });

  test.each([
    ['CERT_PATH=/c', 'CERT_PATH'],
    ['KEY_PATH=/k', 'KEY_PATH'],
    ['CA_PATH=/a', 'CA_PATH'],
  ])('%s alone is refused with TLS, and said to be of no use without', (line, key) => {
    expect(mistakesOf(loadText(`ENABLE_TLS=true\n${line}\n`)).map((m) => [m.key, m.problem])).toEqual([
      [key, 'it is alone'],
    ]);
    const off = loadText(`${line}\n`);
    expect(off.ok && off.warnings).toContainEqual({ key, message: 'not in use without ENABLE_TLS=true' });
  });

  test('the port that it adds to each Redis is not for anything else', () => {
    const taken = (tls: boolean) => mistakesOf(loadText(`ENABLE_TLS=${tls}\nTESTFS_PORT=7379\n`));
    expect(taken(false)).toEqual([]);
    expect(taken(true)).toMatchObject([{ key: 'TESTFS_PORT', problem: 'the same port as TLS of REDIS_PORT (7379)' }]);
  });
});

describe('what is not built yet', () => {
  test.each([
    ['RECOVERY_ENABLED=true', /^recovery is not built/],
    ['AUTO_BACKUP=true', /^backups are not built/],
    ['STORAGE_BACKEND=s3', /^S3 as storage backend is not built/],
    ['ALERT_WEBHOOK_URL=https://alerts.example.com/hook', /^alerts are not built/],
    ['LB_VIP=10.0.1.100', /^a virtual address .* is not built/],
  ])('%s is refused with the reason', (line, reason) => {
    const mistakes = mistakesOf(loadText(`${line}\n`));
    expect(mistakes).toMatchObject([{ line: 5, key: line.split('=')[0], problem: expect.stringMatching(reason) }]);
  });

  test.each(['ENABLE_TLS=false', 'AUTO_BACKUP=false', 'STORAGE_BACKEND=testfs'])(
    '%s is accepted, since it promises nothing',
    (line) => {
      expect(loadText(`${line}\n`)).toMatchObject({ ok: true, warnings: [] });
    },
  );

  test('companions are validated, shown as not in use and said aloud', () => {
    const loaded = loadText('BACKUP_SCHEDULE="0 2 * * *"\nAUTH_SECRET=0123456789ab\n');
    expect(loaded.ok && loaded.warnings.map(({ message }) => message)).toEqual([
      'not in use: BACKUP_SCHEDULE (backups are not built yet)',
    ]);
    expect(loaded.ok && loaded.settings.BACKUP_SCHEDULE).toMatchObject({ origin: '.env:5', inUse: false });
    expect(mistakesOf(loadText('BACKUP_SCHEDULE="0 25 * * *"\n'))).toHaveLength(1);
  });
});

/** The snippets of the seed's README are what its users have in their files. */
describe("the seed's own snippets", () => {
  const seed = readFileSync(join(__dirname, 'seed-readme.md'), 'utf8');
  const snippets = [...seed.matchAll(/```bash\n(.*?)```/gs)]
    .map(([, text]) => text!)
    .filter((text) => /^[A-Z_0-9]+=/m.test(text));

  test('are found', () => {
    expect(snippets).toHaveLength(5);
  });

  test('parse without a mistake, but for what is refused as not built, with the right reasons', () => {
    const text = `${snippets.join('\n')}\nKRAKEN_IMAGE_REGISTRY=registry.test/kraken\n`;
    const loaded = loadConfig({ envFile: { name: '.env', text: text.replace(/ENABLE_TLS=true(?=\nCERT_PATH)/, '') } });
    expect(mistakesOf(loaded).map(({ key, problem }) => [key, problem])).toEqual([
      ['RECOVERY_ENABLED', 'recovery is not built yet'],
      ['AUTO_BACKUP', 'backups are not built yet'],
      ['ENABLE_AUTH', 'logins at load balancers that speak TLS are not built yet'],
      ['AUTH_SECRET', 'the example of the documentation, which everybody knows'],
    ]);
  });

  test('make the same cluster as its defaults when these are off', () => {
    const text = snippets.join('\n').replaceAll(/^(ENABLE_\w+|RECOVERY_ENABLED|AUTO_BACKUP)=true$/gm, '');
    const loaded = loadConfig({
      envFile: { name: '.env', text: `${text}\nKRAKEN_IMAGE_REGISTRY=registry.test/kraken\n` },
    });
    const least = loadText('', {});
    expect(loaded.ok && loaded.spec).toEqual(least.ok && least.spec);
  });
});

describe('secrets', () => {
  test('print as [redacted] wherever they are put', () => {
    const secret = new Secret('hunter2');
    expect([`${secret}`, JSON.stringify({ secret }), inspect({ secret }), String(secret), secret.reveal()]).toEqual([
      '[redacted]',
      '{"secret":"[redacted]"}',
      '{ secret: [redacted] }',
      '[redacted]',
      'hunter2',
    ]);
    expect(Object.keys(secret)).toEqual([]);
  });

  test('are nowhere in what loadConfig returns, right or wrong', () => {
    const right = loadText('AUTH_SECRET=hunter2-hunter2\n');
    expect(right.ok).toBe(true);
    expect(JSON.stringify(right) + inspect(right, { depth: 9, showHidden: true })).not.toContain('hunter2');
    const wrong = loadText(
      'AUTH_SECRET=hunter2\nAUTH_SECRT=hunter2\nALERT_WEBHOOK_URL=https://x.example.com/hunter2\n',
    );
    expect(mistakesOf(wrong)).toHaveLength(3);
    expect(JSON.stringify(wrong)).not.toContain('hunter2');
  });

  test.each([
    'BACKUP_REPOSITORY=s3:https://ana:hunter2@s3.example.com/bucket',
    'BACKUP_REPOSITORY=sftp:ana:hunter2@backup.example.com:/srv',
    'SSH_PROXY_JUMP=ana:hunter2@bastion.example.com:22',
    'SSH_PROXY_JUMP=ana:hunter2@hunter2@bastion.example.com',
    'SSH_PROXY_JUMP=ana:hunter2://@bastion.example.com',
    'REDIS_IMAGE=ana:hunter2@images.example.com/Redis:7',
    `REDIS_IMAGE=ana:hunter2@images.example.com/Redis:7@sha256:${'a'.repeat(64)}`,
    'SSH_KEY_PATH="-----BEGIN OPENSSH PRIVATE KEY----- hunter2"',
    'hunter2hunter2hunter2==',
  ])('a password or key in a wrong place is refused and not shown: %s', (line) => {
    const wrong = loadText(`${line}\n`);
    expect(mistakesOf(wrong)).toHaveLength(1);
    expect(JSON.stringify(wrong)).not.toContain('hunter2');
  });

  test('an address or digest without a password is shown as it was written', () => {
    const digest = `redis:7@sha256:${'a'.repeat(10)}`;
    const [jump, image] = mistakesOf(loadText(`SSH_PROXY_JUMP=ana@bastion.example.com:0\nREDIS_IMAGE=${digest}\n`));
    expect([jump?.value, image?.value]).toEqual(['ana@bastion.example.com:0', digest]);
  });
});

describe('mistakes', () => {
  test('come all at once, in the order of the file, and name the nearest key', () => {
    const loaded = loadText('ORIGIN_PROT=8080\nTRACKER_PORT=x\nCLUSTER_NODE_4=10.0.1.10\nB\n');
    const lines = formatMistakes(mistakesOf(loaded));
    expect(lines.map((line) => line.slice(0, 6))).toEqual(['.env:5', '.env:6', '.env:7', '.env:8']);
    expect(lines[0]).toMatch(/^\.env:5 {2}ORIGIN_PROT=8080 +unknown name, nearest: ORIGIN_PORT; expected /);
    expect(lines[2]).toContain('the same address as CLUSTER_NODE_1');
  });

  test('of a binary file stay readable', () => {
    const lines = formatMistakes(mistakesOf(loadConfig({ envFile: { name: '.env', text: '\u0000x\n'.repeat(500) } })));
    expect(lines.length).toBe(101);
    expect(lines.at(-1)).toMatch(/^… and \d+ more$/);
  });

  test.each([
    ['many misspelt keys', Array.from({ length: 1999 }, (_, i) => `ORIGIN_MEMORY_LI${i}=x`).join('\n')],
    ['lines full of blanks', `A=a${' '.repeat(4000)}b\n`.repeat(1999)],
    ['one endless line', `A="${'\\"'.repeat(2 ** 19)}`],
    ['endless lines', '\n'.repeat(2 ** 20)],
  ])('of a hostile file take no time: %s', (_rule, text) => {
    // Of this process alone: what else the machine does says nothing of the parser.
    const start = process.cpuUsage().user;
    expect(loadConfig({ envFile: { name: '.env', text } }).ok).toBe(false);
    expect((process.cpuUsage().user - start) / 1000).toBeLessThan(10_000);
  });
});
