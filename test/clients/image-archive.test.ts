import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { buffer } from 'node:stream/consumers';
import { gzipSync } from 'node:zlib';
import { pack } from 'tar-stream';
import { createImageArchives } from '../../src/clients/image-archive';

let folder: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'krakenctl-archives-'));
});
afterEach(() => rmSync(folder, { recursive: true }));

/** As `docker save` writes it: what is in order comes in order. */
async function save(name: string, entries: [string, unknown][]): Promise<void> {
  const archive = pack();
  for (const [entry, value] of entries) archive.entry({ name: entry }, JSON.stringify(value));
  archive.finalize();
  writeFileSync(join(folder, name), await buffer(archive));
}

const list = (config: string, tag: string): [string, unknown] => [
  'manifest.json',
  [{ Config: config, RepoTags: [tag], Layers: [] }],
];

test('an archive tells which image it has and for what machine', async () => {
  const id = 'a'.repeat(64);
  await save('app.tar', [
    [`${id}.json`, { os: 'linux', architecture: 'arm64', variant: 'v8' }],
    list(`${id}.json`, 'app:1'),
  ]);
  await save('late.tar', [
    list('blobs/sha256/b', 'late:1'),
    ['blobs/sha256/b', { os: 'linux', architecture: 'amd64' }],
  ]);
  const archives = createImageArchives();
  expect(await archives.identify('app:1', folder)).toMatchObject({ id: `sha256:${id}`, platform: 'linux/arm64/v8' });
  // What stands behind the list is not read: nothing is said of it.
  expect(await archives.identify('late:1', folder)).toEqual(expect.not.objectContaining({ platform: 'linux/amd64' }));
  await expect(archives.identify('late:1', folder)).resolves.toMatchObject({ id: 'sha256:b' });
});

test('an archive that was cut ends the look with what is wrong, and not never', async () => {
  await save('app.tar', [list('a.json', 'app:1'), ['rest', 'x'.repeat(100_000)]]);
  const whole = gzipSync(readFileSync(join(folder, 'app.tar')));
  rmSync(join(folder, 'app.tar'));
  writeFileSync(join(folder, 'cut.tar.gz'), whole.subarray(0, 20));
  await expect(createImageArchives().identify('app:1', folder)).rejects.toThrow(/unexpected end of (file|data)/i);
});

test('a file that is no archive is named', async () => {
  await save('notes.tar', [['notes.json', {}]]);
  await expect(createImageArchives().identify('app:1', folder)).rejects.toThrow(/notes\.tar is no docker save archive/);
});
