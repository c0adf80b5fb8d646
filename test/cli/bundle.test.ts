import { execFileSync } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Payload } from '@temporalio/common';
import { type Collected, collectBundle, manifestOf, type Source } from '../../src/cli/bundle/bundle';
import { decodePayloads } from '../../src/cli/bundle/temporal-source';
import { createPayloadCodec, refusingCodec } from '../../src/codec/payload-codec';
import type { KeyDefinition } from '../../src/config/key';
import { keyNames, keys } from '../../src/config/keys';
import { findSecretValues } from '../../src/config/secrets';
import { makeRedactor, type Redact } from '../../src/text/redaction';
import { type } from './streams';

let folder: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'krakenctl-bundle-'));
});
afterEach(() => rmSync(folder, { recursive: true }));

const source = (name: string, collect: () => Promise<Collected>): Source => ({ name, collect });

describe('collecting', () => {
  const redact = makeRedactor(['canary-value']);

  test('one source that is away takes nothing with it, and is named with its reason, redacted', async () => {
    const bundle = await collectBundle(
      [
        source('good', async () => ({ files: { 'good.txt': 'text' } })),
        source('away', async () => Promise.reject(new Error('no route with canary-value'))),
        source('silent', () => new Promise(() => undefined)),
        source('half', async () => ({ files: { 'half.json': { a: 1 } }, missing: [{ what: 'rest', why: 'gone' }] })),
      ],
      { redact, timeoutMs: 50 },
    );
    expect([...bundle.files.keys()]).toEqual(['good.txt', 'half.json']);
    expect(bundle.missing).toEqual([
      { what: 'away', why: 'no route with [redacted]' },
      { what: 'silent', why: 'no answer within 0.05 s' },
      { what: 'rest', why: 'gone' },
    ]);
  });

  test('every file passes the redaction; without it a planted leak is found (control)', async () => {
    const sources = [
      source('logs', async () => ({ files: { 'a.log': 'line\nAuthorization: Basic canary-value\n' } })),
      source('data', async () => ({ files: { 'b.json': { deep: { er: 'canary-value' } } } })),
    ];
    const leaks = async (by: Redact) => {
      const { files } = await collectBundle(sources, { redact: by });
      return [...files].filter(([, text]) => text.includes('canary-value')).map(([path]) => path);
    };
    expect(await leaks(redact)).toEqual([]);
    expect(await leaks((text) => text)).toEqual(['a.log', 'b.json']);
  });

  test('the manifest has sums of what is inside and reasons for what is not', async () => {
    const bundle = await collectBundle(
      [source('x', async () => ({ files: { x: 'abc' }, missing: [{ what: 'y', why: 'z' }] }))],
      { redact },
    );
    const manifest = JSON.parse(manifestOf(bundle, { createdAt: 'now', krakenctl: '1', cluster: 'c' }));
    expect(manifest).toEqual({
      createdAt: 'now',
      krakenctl: '1',
      cluster: 'c',
      files: [{ path: 'x', bytes: 3, sha256: 'ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad' }],
      notCollected: [{ what: 'y', why: 'z' }],
    });
  });
});

const note = 'c4n"ary';
const plain = {
  metadata: { encoding: Buffer.from('json/plain') },
  data: Buffer.from(JSON.stringify({ note })),
};

/** As it stands in a history's JSON. */
const eventOf = ({ metadata, data }: Payload) => {
  const named = Object.entries(metadata ?? {}).map(([key, value]) => [key, Buffer.from(value).toString('base64')]);
  const payload = { metadata: Object.fromEntries(named), data: Buffer.from(data!).toString('base64') };
  return { input: { payloads: [payload] } };
};

test('payloads of a history are told as what they say, so that a secret in them is found', async () => {
  const decoded = await decodePayloads(eventOf(plain), []);
  expect(decoded).toEqual({ input: { payloads: [{ note }] } });
  expect(makeRedactor([note])(JSON.stringify(decoded))).not.toContain('c4n');
});

test('so are those that are encrypted, where their key is; without it that is said', async () => {
  const codec = createPayloadCodec([{ id: 'k1', secret: randomBytes(32) }]);
  const [hidden] = await codec.encode([plain]);
  const event = eventOf(hidden!);
  expect(JSON.stringify(event)).not.toContain(note);
  expect(await decodePayloads(event, [codec])).toEqual({ input: { payloads: [{ note }] } });
  await expect(decodePayloads(event, [refusingCodec])).rejects.toThrow(/encrypted with the key k1, which is not here/);
});

describe('values of secrets', () => {
  test('are found in the file and the environment, by name, also in lines that are wrong', () => {
    const path = join(folder, '.env');
    const lines = [
      'AUTH_SECRET=first-one',
      'AUTH_SECRTE="second one"',
      'MY_TOKEN="third',
      'ORIGIN_PORT=8080',
      'A_PASSWORD=abc',
    ];
    writeFileSync(path, lines.join('\n'));
    const found = findSecretValues({ path, environment: { TEMPORAL_API_KEY: 'from-environment', HOME: '/root' } });
    expect(found).toEqual(expect.arrayContaining(['first-one', 'second one', 'third', 'from-environment']));
    expect(found).not.toEqual(expect.arrayContaining(['8080']));
    expect(found).not.toEqual(expect.arrayContaining(['/root']));
  });

  test('no file: those of the environment', () => {
    expect(findSecretValues({ path: join(folder, 'none'), environment: { AUTH_SECRET: 'here' } })).toEqual(['here']);
  });
});

describe('support-bundle', () => {
  // No host is asked: the key to log in with is not there.
  const goodEnv = [1, 2, 3].map((n) => `CLUSTER_NODE_${n}=10.0.1.${n}`);
  const rest = ['SSH_KEY_PATH=/nonexistent/key', 'KRAKEN_IMAGE_REGISTRY=images.example', 'KRAKEN_VERSION=v0.1.27'];
  const secretKeys = keyNames.filter((name) => (keys[name] as KeyDefinition).secret);
  const canary = (name: string) => `https://canary-${name.toLowerCase()}.example/very-secret`;

  async function bundle(env: string[], change: { secrets?: string[]; out?: string } = {}) {
    const path = join(folder, '.env');
    const state = join(folder, 'state');
    mkdirSync(state, { recursive: true });
    writeFileSync(path, env.join('\n'));
    const given = secretKeys.filter((name) => env.some((line) => line.startsWith(`${name}=`)));
    const said = given.map((name) => `worker said ${canary(name)}`);
    writeFileSync(
      join(state, 'worker.log'),
      [...said, 'Authorization: Bearer canary-header', 'plain words'].join('\n'),
    );
    const out = change.out ?? join(folder, 'bundle.tar.gz');
    const environment = { KRAKENCTL_STATE_DIR: state, HOME: folder };
    return type(['support-bundle', '--out', out, '--env-file', path], { environment });
  }

  function unpack(): Record<string, string> {
    const into = join(folder, 'unpacked');
    mkdirSync(into);
    execFileSync('tar', ['xzf', join(folder, 'bundle.tar.gz'), '-C', into]);
    const [top] = readdirSync(into);
    const names = readdirSync(join(into, top!), { recursive: true, withFileTypes: true }).filter((e) => e.isFile());
    return Object.fromEntries(
      names.map((e) => {
        const path = join(e.parentPath, e.name);
        return [path.slice(join(into, top!).length + 1), readFileSync(path, 'utf8')];
      }),
    );
  }

  test('there are secrets to look for', () => {
    expect(secretKeys).toEqual(expect.arrayContaining(['AUTH_SECRET', 'ALERT_WEBHOOK_URL']));
  });

  test('without Temporal, worker and hosts it holds what this machine knows, and names the rest with reasons', async () => {
    const { code, out } = await bundle([...goodEnv, ...rest]);
    expect(code).toBe(0);
    expect(out).toMatch(/wrote .*bundle\.tar\.gz · \d+ KiB, readable by you alone/);
    expect(out).toMatch(/not collected: temporal: Temporal does not answer/);
    expect(statSync(join(folder, 'bundle.tar.gz')).mode & 0o777).toBe(0o600);
    const files = unpack();
    expect(Object.keys(files)).toEqual(
      expect.arrayContaining(['configuration.json', 'logs/worker.log', 'manifest.json', 'versions.json']),
    );
    const manifest = JSON.parse(files['manifest.json']!);
    expect(manifest.notCollected.map((m: { what: string }) => m.what)).toEqual(
      expect.arrayContaining(['temporal', 'hosts/node-1', 'hosts/node-2', 'hosts/node-3']),
    );
    expect(files['logs/worker.log']).toContain('plain words');
  });

  test.each([
    ['accepted', ['AUTH_SECRET']],
    // A switch that is not built is refused; its value is a secret all the same.
    ['refused', secretKeys],
  ])('no secret of a .env that is %s, and none of a log line, is in any file of it', async (_, given) => {
    const { code } = await bundle([...goodEnv, ...rest, ...given.map((name) => `${name}=${canary(name)}`)]);
    expect(code).toBe(0);
    const files = unpack();
    expect(files['configuration.json']).toContain(given.at(-1));
    expect(files['logs/worker.log']).toMatch(/worker said \[redacted\]/);
    for (const [path, text] of Object.entries(files)) {
      expect([path, text.includes('canary-')]).toEqual([path, false]);
    }
  });

  test('a file that exists is not written over, exit 2', async () => {
    const out = join(folder, 'mine');
    writeFileSync(out, 'precious');
    const answer = await bundle([...goodEnv, ...rest], { out });
    expect(answer).toMatchObject({ code: 2, err: expect.stringContaining('exists; nothing was written') });
    expect(readFileSync(out, 'utf8')).toBe('precious');
  });

  test('a place that cannot be written is said, exit 2', async () => {
    const answer = await bundle([...goodEnv, ...rest], { out: join(folder, 'none', 'file.tar.gz') });
    expect(answer).toMatchObject({ code: 2, err: expect.stringContaining('cannot be written') });
  });
});
