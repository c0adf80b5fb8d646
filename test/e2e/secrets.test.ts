import { randomBytes } from 'node:crypto';
import { appendFileSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { Client, Connection } from '@temporalio/client';
import type { Lab } from '../../src/lab/lab';
import {
  container,
  freshLab,
  krakenctl,
  must,
  type Run,
  type RunOptions,
  stateFolder,
  temporalPort,
  writeEnv,
} from '../support/lab';
import {
  ArgvWatch,
  filesAt,
  findLeaks,
  histories,
  hostFiles,
  inspections,
  openFiles,
  type Place,
  type Secrets,
  unpack,
} from '../support/leaks';
import { onHost } from '../support/observer';

/** A canary in every place where a secret can be is looked for in every place where none may be. */
const canary = () => `cnry${randomBytes(12).toString('hex')}`;
const folder = join(stateFolder, 'secrets');
const address = `127.0.0.1:${temporalPort}`;
const onHosts = ['/tmp', '/run', '/etc/kraken', '/var/lib/krakenctl', '/var/log', '/root', '/home'];

const ofFile = canary();
const ofEnvironment = canary();
const ofShell = canary();
/** No secret: who deploys is told everywhere, so that a search which finds nothing was able to. */
const actor = `actor-${randomBytes(8).toString('hex')}`;
/** So that AUTH_SECRET is used, and not only kept. */
const loginsOn = { ENABLE_AUTH: 'true', AUTH_WITHOUT_TLS: 'i-know' };
const environment = { AUTH_SECRET: ofEnvironment, NIGHTLY_JOB_TOKEN: ofShell, SUDO_USER: actor };

const secrets: Secrets = {
  'AUTH_SECRET of .env': ofFile,
  'AUTH_SECRET of the environment': ofEnvironment,
  'a token that is in the environment': ofShell,
};
const printed: Place[] = [];
let lab: Lab;
let hosts: string[];
let watch: ArgvWatch;

beforeAll(async () => {
  lab = await freshLab();
  hosts = lab.hosts.filter((h) => h.name.startsWith('node-')).map((h) => container(lab, h.name));
  rmSync(folder, { recursive: true, force: true });
  mkdirSync(folder, { recursive: true });
  writeEnv(lab, { AUTH_SECRET: ofFile, ...loginsOn }, folder);
  Object.assign(secrets, keyLines('the SSH key', lab.ssh.keyPath));
  await must(['worker', 'stop']);
  await must(['worker', 'start'], { env: environment, folder });
  watch = new ArgvWatch();
});

afterAll(async () => {
  watch.stop();
  rmSync(folder, { recursive: true, force: true });
  // What was encrypted with a key that is gone now is refused as such to whoever lists operations: this file is the last (order.cjs).
});

/** Without its first two lines: the public half is in them. */
function keyLines(name: string, path: string): Secrets {
  const body = readFileSync(path, 'utf8')
    .split('\n')
    .filter((line) => line !== '' && !line.startsWith('-----'));
  const told = body.slice(2).filter((line) => line.length > 20);
  if (told.length === 0) throw new Error(`${path} has no line that is private alone`);
  return Object.fromEntries(told.map((line, i) => [`line ${i + 3} of ${name}`, line]));
}

/** What it prints is searched later, and at once when it is refused. */
async function cli(args: string[], options: RunOptions = {}): Promise<Run> {
  const run = await krakenctl(args, { folder, env: environment, ...options });
  printed.push(...placesOf(args, run));
  return run;
}

function placesOf(args: string[], run: Run): Place[] {
  const command = `krakenctl ${args.join(' ')}`;
  return [
    { where: `stdout of ${command}`, bytes: Buffer.from(run.stdout) },
    { where: `stderr of ${command}`, bytes: Buffer.from(run.stderr) },
  ];
}

/** `.env` is where a secret is meant to be; what the lab keeps of its own is not the product's. */
const isSource = (path: string) => path === join(folder, '.env') || path === join(stateFolder, 'lab', '.cache');

async function everywhere(): Promise<Place[]> {
  const remote = await Promise.all(
    hosts.map(async (h) => [...(await hostFiles(h, onHosts)), ...(await inspections(h))]),
  );
  const database = ['', '-wal', '-shm'].map((suffix) => join(stateFolder, `temporal.db${suffix}`));
  const logs = ['worker.log', 'temporal.log'].map((name) => join(stateFolder, name));
  return [
    ...printed,
    ...remote.flat(),
    ...watch.places(),
    ...filesAt([...database, ...logs]),
    ...(await histories(address)),
    ...openFiles(stateFolder, isSource),
  ];
}

async function bundle(options: RunOptions = {}): Promise<Place[]> {
  const path = join(folder, `${canary()}.tar.gz`);
  const run = await cli(['support-bundle', '--out', path], options);
  expect(run.code).toBe(0);
  const files = await unpack(readFileSync(path));
  rmSync(path);
  return files.map(({ where, bytes }) => ({ where: `the support bundle: ${where}`, bytes }));
}

/** The places, without what tells one file, process or history from another. */
const kindsOf = (found: string[], name: string) => [
  ...new Set(
    found.flatMap((text) => {
      const [, where = ''] = text.split(`${name} in `);
      const kind =
        /^(std\w+|docker inspect|argv|the history|the support bundle)|temporal\.db|worker\.log|:\/\w+\/\w*/.exec(where);
      return kind ? [kind[0]] : [];
    }),
  ),
];

test('what is planted is found by the same search, wherever it is', async () => {
  const planted = canary();
  const [one = ''] = hosts;
  const image = (await onHost(one, ['docker', 'images', '-q', '*/redis'])).split('\n')[0]!;
  const connection = await Connection.connect({ address });
  const log = join(stateFolder, 'worker.log');
  const size = readFileSync(log).length;
  const handle = await new Client({ connection }).workflow.start('nobody', {
    taskQueue: 'nobody',
    workflowId: 'planted',
    args: [{ deep: [`xy${planted}z`] }],
  });
  try {
    await onHost(one, ['sh', '-c', `cat > /tmp/planted`], `a: ${planted}\n`);
    await onHost(one, ['docker', 'create', '--name', 'planted', '--label', `x=${planted}`, image]);
    await onHost(one, ['perl', '-e', 'select undef, undef, undef, 0.3', planted]);
    await onHost(one, ['sh', '-c', `cat > /run/planted`], Buffer.from(`xx${planted}`).toString('base64'));
    writeFileSync(join(folder, 'planted'), planted, { mode: 0o644 });
    appendFileSync(log, `${JSON.stringify({ msg: planted })}\n`);
    const found = findLeaks(await everywhere(), { it: planted });
    for (const where of [`${one}:/tmp/planted`, `${one}:/run/planted`, `docker inspect on ${one}`, 'argv of perl'])
      expect(found).toContain(`it in ${where}`);
    expect(found).toContain('it in the history of planted');
    expect(found).toContain(`it in ${log}`);
    expect(found).toContain(`it in ${join(folder, 'planted')}`);
    expect(found.join('\n')).toMatch(/it in .*temporal\.db/);
  } finally {
    await handle.terminate();
    await connection.close();
    await onHost(one, ['docker', 'rm', 'planted']);
    await onHost(one, ['rm', '-f', '/tmp/planted', '/run/planted']);
    rmSync(join(folder, 'planted'), { force: true });
    writeFileSync(log, readFileSync(log).subarray(0, size));
  }
});

test('a deploy, every look and every failure leave no secret anywhere', async () => {
  expect((await cli(['deploy', '--yes', '-v'])).code).toBe(0);
  for (const args of [
    ['check'],
    ['plan', '--json'],
    ['status', '-v'],
    ['config', 'show', '--origin'],
    ['config', 'show', '--json'],
    ['op', 'list'],
    ['logs', '--tail', '5'],
  ])
    expect([args, (await cli(args)).code]).toEqual([args, 0]);
  // From the file alone, which the environment hid until now.
  const { AUTH_SECRET: _, ...bare } = environment;
  expect((await cli(['config', 'show', '--origin'], { env: bare })).code).toBe(0);
  expect((await cli(['deploy', '--yes', '-v'], { env: { ...environment, KRAKEN_VERSION: 'v9.9.9' } })).code).toBe(1);
  const broken = join(folder, 'broken_key');
  const inKey = canary();
  secrets['an SSH key that is broken'] = inKey;
  const text = `-----BEGIN OPENSSH PRIVATE KEY-----\n${inKey}\n-----END OPENSSH PRIVATE KEY-----\n`;
  writeFileSync(broken, text, { mode: 0o600 });
  expect((await cli(['deploy', '--yes', '-v'], { env: { ...environment, SSH_KEY_PATH: broken } })).code).toBe(1);
  // Shown once, to whoever asked for it; what that command prints is not searched.
  const added = await krakenctl(['auth', 'users', 'add', 'eva', '--role', 'pull', '--json'], {
    folder,
    env: environment,
  });
  expect(added.code).toBe(0);
  secrets["a user's password"] = (JSON.parse(added.stdout) as { data: { password: string } }).data.password;
  const packed = [...(await bundle()), ...(await bundle({ env: bare }))];
  const places = [...(await everywhere()), ...packed];
  expect(findLeaks(places, secrets)).toEqual([]);
  const told = kindsOf(findLeaks(places, { 'the actor': actor }), 'the actor');
  for (const kind of ['stdout', 'temporal.db', 'the history', 'the support bundle', ':/var/lib'])
    expect([kind, told.includes(kind)]).toEqual([kind, true]);
});

/** Lines that are not taken, each with a secret in it; `hint` shows that it was this line. */
const refusals: [title: string, line: (secret: string) => string, says: RegExp][] = [
  [
    'the address of a webhook',
    (s) => `ALERT_WEBHOOK_URL=https://hooks.example.com/T1/${s}`,
    /ALERT_WEBHOOK_URL.*not built/,
  ],
  ['a secret that is too short for its rule', (s) => `AUTH_SECRET=${s} `.padEnd(300, s), /AUTH_SECRET/],
  ['a misspelt name of a secret', (s) => `AUTH_SECERT=${s}`, /AUTH_SECERT.*AUTH_SECRET/],
  ['a password that no key knows', (s) => `REGISTRY_PASSWORD=${s}`, /REGISTRY_PASSWORD.*unknown/],
  ['a secret with an open quote', (s) => `AUTH_SECRET="${s}`, /AUTH_SECRET/],
  ['the second line of a secret', (s) => `AUTH_SECRET="first\n${s}"`, /AUTH_SECRET/],
  ['a secret that is set twice', (s) => `AUTH_SECRET=${s}\nAUTH_SECRET=${s}`, /AUTH_SECRET.*second time/],
  [
    'user and password of a bucket',
    (s) => `BACKUP_REPOSITORY=s3:https://ana:${s}@s3.example.com/bucket`,
    /BACKUP_REPOSITORY/,
  ],
  [
    'a password in an SFTP address',
    (s) => `BACKUP_REPOSITORY=sftp:ana:${s}@backup.example.com:/srv`,
    /BACKUP_REPOSITORY/,
  ],
  ['a password of the bastion', (s) => `SSH_PROXY_JUMP=ana:${s}@bastion.example.com`, /SSH_PROXY_JUMP/],
  [
    'a password of a registry',
    (s) => `KRAKEN_IMAGE_REGISTRY=ana:${s}@images.example.com/kraken`,
    /KRAKEN_IMAGE_REGISTRY/,
  ],
  ['a password of an image', (s) => `REDIS_IMAGE=ana:${s}@images.example.com/redis:7`, /REDIS_IMAGE/],
  ['a private key in place of its path', (s) => `SSH_KEY_PATH="-----BEGIN PRIVATE KEY----- ${s}"`, /SSH_KEY_PATH/],
];

test.each(refusals)('%s is refused without being shown', async (_title, line, says) => {
  const secret = canary();
  const own = join(folder, 'refused');
  const text = line(secret);
  writeEnv(lab, { [text.split('=')[0]!]: undefined }, own);
  appendFileSync(join(own, '.env'), `${text}\n`);
  const places: Place[] = [];
  for (const args of [
    ['deploy', '--yes', '-v'],
    ['config', 'show', '--json'],
  ]) {
    const run = await krakenctl(args, { folder: own });
    expect([args, run.code]).toEqual([args, 2]);
    expect(run.stdout + run.stderr).toMatch(says);
    places.push(...placesOf(args, run));
  }
  const path = join(own, 'bundle.tar.gz');
  places.push(...placesOf(['support-bundle'], await must(['support-bundle', '--out', path], { folder: own })));
  places.push(...(await unpack(readFileSync(path))));
  rmSync(own, { recursive: true, force: true });
  expect(findLeaks(places, { secret })).toEqual([]);
});

describe('with what Temporal keeps encrypted', () => {
  const keyFile = join(folder, 'codec.key');
  const encrypting = { ...environment, KRAKENCTL_CODEC_KEY_FILE: keyFile };

  test('the codec key is nowhere but in its file', async () => {
    expect((await cli(['temporal', 'keys', 'add'], { env: encrypting })).code).toBe(0);
    const key = readFileSync(keyFile, 'utf8').trim();
    Object.assign(secrets, { 'the codec key': key, 'the bytes of the codec key': Buffer.from(key, 'base64') });
    await must(['worker', 'stop']);
    await must(['worker', 'start'], { env: encrypting, folder });
    const changed = { ...encrypting, NGINX_KEEPALIVE_TIMEOUT: '51s' };
    expect((await cli(['deploy', '--yes', '-v'], { env: changed })).code).toBe(0);
    for (const args of [
      ['status', '-v'],
      ['temporal', 'keys', 'list'],
      ['temporal', 'keys', 'list', '--json'],
    ])
      expect([args, (await cli(args, { env: encrypting })).code]).toEqual([args, 0]);
    expect((await cli(['deploy', '--yes', '-v'], { env: { ...encrypting, KRAKEN_VERSION: 'v9.9.9' } })).code).toBe(1);
    const places = [...(await everywhere()), ...(await bundle({ env: encrypting }))];
    expect(findLeaks(places, secrets)).toEqual([]);
    expect(findLeaks(filesAt([keyFile]), { key })).toEqual([`key in ${keyFile}`]);
  });

  test('a broken key file is refused without being shown', async () => {
    const secret = canary();
    writeFileSync(`${keyFile}.broken`, `${secret}\n`, { mode: 0o600 });
    const places: Place[] = [];
    for (const args of [
      ['deploy', '--yes', '-v'],
      ['temporal', 'keys', 'list', '--json'],
      ['worker', 'run', '-v'],
    ]) {
      const run = await krakenctl(args, { folder, env: { KRAKENCTL_CODEC_KEY_FILE: `${keyFile}.broken` } });
      expect([args, run.code]).toEqual([args, 2]);
      expect(run.stdout + run.stderr).toMatch(/CODEC_KEY_INVALID/);
      places.push(...placesOf(args, run));
    }
    expect(findLeaks(places, { secret })).toEqual([]);
  });

  test('an API key of Temporal is not shown when it cannot be used', async () => {
    const secret = canary();
    const env = { ...environment, TEMPORAL_ADDRESS: address, TEMPORAL_API_KEY: secret };
    const run = await cli(['deploy', '--yes', '-v'], { env });
    expect(run.code).toBe(7);
    expect(findLeaks(printed, { secret })).toEqual([]);
  });
});
