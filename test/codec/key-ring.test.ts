import { chmodSync, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { conversionFor } from '../../src/codec/data-converter';
import { addKey, readKeyRing } from '../../src/codec/key-ring';
import { isLoopback } from '../../src/codec/loopback';
import { type } from '../cli/streams';

let folder: string;
let path: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'krakenctl-keys-'));
  path = join(folder, 'deeper', 'codec.key');
});
afterEach(() => rmSync(folder, { recursive: true }));

test('keys add makes a file for its owner alone; a second key writes and the first still reads', async () => {
  const environment = { KRAKENCTL_STATE_DIR: folder };
  const first = JSON.parse((await type(['temporal', 'keys', 'add', '--json'], { environment })).out).data;
  const second = JSON.parse((await type(['temporal', 'keys', 'add', '--json'], { environment })).out).data;
  expect(statSync(first.path).mode & 0o777).toBe(0o600);
  expect(second.ids).toEqual([first.writes, second.writes]);
  const listed = await type(['temporal', 'keys', 'list'], { environment });
  expect(listed.out).toBe(`${first.writes} reads\n${second.writes} writes and reads\n`);
  for (const key of readKeyRing(first.path)) expect(listed.out).not.toContain(key.secret.toString('base64'));
});

test('a file that others may read is refused, with the line to type', () => {
  addKey(path);
  for (const mode of [0o640, 0o604, 0o620, 0o644]) {
    chmodSync(path, mode);
    expect(() => readKeyRing(path)).toThrow(
      expect.objectContaining({ code: 'CODEC_KEY_INVALID', hint: `chmod 600 ${path}` }),
    );
    expect(() => addKey(path)).toThrow(expect.objectContaining({ code: 'CODEC_KEY_INVALID' }));
  }
});

test.each([
  ['not base64 at all, and of no length that fits'],
  [Buffer.alloc(31).toString('base64')],
  [Buffer.alloc(33).toString('base64')],
  [`${Buffer.alloc(32).toString('base64')}!`],
])('a line that is no key is named by its number, never by its text: %s', (line) => {
  path = join(folder, 'codec.key');
  writeFileSync(path, `# ours\n${line}\n`, { mode: 0o600 });
  expect(() => readKeyRing(path)).toThrow(/codec\.key:2: expected 32 bytes/);
  expect(() => readKeyRing(path)).not.toThrow(line);
  const before = readFileSync(path, 'utf8');
  expect(() => addKey(path)).toThrow();
  expect(readFileSync(path, 'utf8')).toBe(before);
});

test('no file, or one without a key: what is missing and how to make it', () => {
  const missing = expect.objectContaining({
    code: 'CODEC_KEY_MISSING',
    hint: expect.stringContaining('temporal keys add'),
  });
  expect(() => readKeyRing(path)).toThrow(missing);
  path = join(folder, 'codec.key');
  writeFileSync(path, '# none\n', { mode: 0o600 });
  expect(() => readKeyRing(path)).toThrow(missing);
});

test.each([
  ['127.0.0.1:7233', true],
  ['127.8.0.1:7233', true],
  ['localhost:7233', true],
  ['[::1]:7233', true],
  ['::1', true],
  ['10.0.0.1:7233', false],
  ['127.example.com:7233', false],
  ['localhost.example.com:7233', false],
  ['[2001:db8::1]:7233', false],
  ['temporal:7233', false],
  ['ns.acct.tmprl.cloud:7233', false],
])('%s is this machine: %s', (address, expected) => {
  expect(isLoopback(address)).toBe(expected);
});

test('off on loopback, on elsewhere and wherever a key file is named', () => {
  const state = { KRAKENCTL_STATE_DIR: folder };
  expect(conversionFor('127.0.0.1:7233', state).encrypts).toBe(false);
  expect(() => conversionFor('temporal:7233', state)).toThrow(expect.objectContaining({ code: 'CODEC_KEY_MISSING' }));
  addKey(join(folder, 'codec.key'));
  expect(conversionFor('temporal:7233', state).encrypts).toBe(true);
  expect(conversionFor('127.0.0.1:7233', state).encrypts).toBe(false);
  const named = { KRAKENCTL_CODEC_KEY_FILE: join(folder, 'codec.key') };
  expect(conversionFor('127.0.0.1:7233', named).encrypts).toBe(true);
});

test('a Temporal elsewhere without a key is exit 2 before anything is sent', async () => {
  const environment = { TEMPORAL_ADDRESS: 'temporal.invalid:7233', KRAKENCTL_STATE_DIR: folder };
  const { code, out } = await type(['worker', 'status', '--json'], { environment });
  expect(code).toBe(2);
  expect(JSON.parse(out).error).toMatchObject({ code: 'CODEC_KEY_MISSING', hint: expect.stringContaining('keys add') });
});
