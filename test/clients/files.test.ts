import { execFileSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { chmodSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import fc from 'fast-check';
import { createFiles } from '../../src/clients/files';
import type { HostFiles } from '../../src/clients/host';
import { runsOf } from '../support/slice';
import { startSshd, type TestSshd } from '../support/ssh-server';

let sshd: TestSshd;
let folder: string;
let files: HostFiles;

beforeAll(async () => {
  sshd = await startSshd();
  files = createFiles(await sshd.open(), '');
});
afterAll(() => sshd.close());
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'krakenctl-files-'));
});
afterEach(() => rmSync(folder, { recursive: true }));

describe('files of a host', () => {
  test('what is written is there, with its mode, its missing folders made and nothing left beside it', async () => {
    const path = join(folder, 'a', 'b', 'c.conf');
    expect(await files.write({ path, mode: 0o640, contents: Buffer.from('text\n') })).toEqual({ changed: true });
    expect(readFileSync(path, 'utf8')).toBe('text\n');
    expect(statSync(path).mode & 0o777).toBe(0o640);
    expect(readdirSync(join(folder, 'a', 'b'))).toEqual(['c.conf']);
  });

  test('the bytes are on disk before the rename, and the folder after it', async () => {
    const shims = mkdtempSync(join(tmpdir(), 'krakenctl-shims-'));
    const calls = join(shims, 'calls');
    const [path, before] = [join(folder, 'c.conf'), process.env.PATH];
    for (const name of ['sync', 'mv']) {
      const real = execFileSync('sh', ['-c', `command -v ${name}`], { encoding: 'utf8' }).trim();
      const text = `#!/bin/sh\necho "${name} $*" >> '${calls}'\nexec ${real} "$@"\n`;
      writeFileSync(join(shims, name), text, { mode: 0o755 });
    }
    process.env.PATH = `${shims}:${before}`;
    try {
      await files.write({ path, mode: 0o644, contents: Buffer.from('text\n') });
      const [synced, moved, syncedFolder, ...more] = readFileSync(calls, 'utf8').trim().split('\n');
      const aside = /^sync -- (\S+)$/.exec(synced!)![1]!;
      expect(dirname(aside)).toBe(folder);
      expect([moved, syncedFolder, more]).toEqual([`mv -f -T -- ${aside} ${path}`, `sync -- ${folder}`, []]);
    } finally {
      process.env.PATH = before;
      rmSync(shims, { recursive: true });
    }
  });

  test('writing the same again changes nothing', async () => {
    const path = join(folder, 'c.conf');
    const file = { path, mode: 0o644, contents: Buffer.from('text\n') };
    await files.write(file);
    const before = statSync(path).ino;
    expect(await files.write(file)).toEqual({ changed: false });
    expect(statSync(path).ino).toBe(before);
  });

  test('a changed mode alone is put right', async () => {
    const path = join(folder, 'c.conf');
    await files.write({ path, mode: 0o600, contents: Buffer.from('x') });
    chmodSync(path, 0o666);
    expect(await files.write({ path, mode: 0o600, contents: Buffer.from('x') })).toEqual({ changed: true });
    expect(statSync(path).mode & 0o777).toBe(0o600);
  });

  test('any name and any bytes pass unharmed, and nothing of them is run', async () => {
    const name = fc
      .string({ minLength: 1, maxLength: 40 })
      .filter((s) => !/[\n\0/]/.test(s) && s !== '.' && s !== '..');
    await fc.assert(
      fc.asyncProperty(
        fc.oneof(name, fc.constantFrom('$(touch canary)', "a'b", '-rf', '`id`', 'a b', ';id')),
        fc.uint8Array({ maxLength: 300 }),
        async (n, bytes) => {
          const path = join(folder, 'any', n);
          const contents = Buffer.from(bytes);
          await files.write({ path, mode: 0o644, contents });
          expect(await files.read(path)).toEqual(contents);
          const listed = await files.list([join(folder, 'any')]);
          expect(listed.find((f) => f.path === path)?.sha256).toBe(createHash('sha256').update(contents).digest('hex'));
          await files.remove(path);
          expect(await files.read(path)).toBeUndefined();
        },
      ),
      { numRuns: runsOf(25) },
    );
    expect(readdirSync(folder)).toEqual(['any']);
  });

  test('a folder that is not there lists nothing; a file that is not there reads as absent', async () => {
    expect(await files.list([join(folder, 'none')])).toEqual([]);
    expect(await files.read(join(folder, 'none'))).toBeUndefined();
  });

  test('a listing has path, sum, mode and time of change, sorted by path', async () => {
    mkdirSync(join(folder, 'd'));
    writeFileSync(join(folder, 'd', 'b'), 'b');
    writeFileSync(join(folder, 'd', 'a with space'), '');
    const listed = await files.list([folder]);
    expect(listed.map((f) => f.path)).toEqual([join(folder, 'd', 'a with space'), join(folder, 'd', 'b')]);
    expect(Math.abs(listed[0]!.changedAt - Date.now() / 1000)).toBeLessThan(60);
  });

  test('lines are appended whole, one after the other', async () => {
    const path = join(folder, 'log', 'ops.jsonl');
    await files.append(path, '{"a":"$(id)"}');
    await files.append(path, '{"b":1}');
    expect(readFileSync(path, 'utf8')).toBe('{"a":"$(id)"}\n{"b":1}\n');
  });
});
