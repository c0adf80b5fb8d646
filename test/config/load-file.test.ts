import { chmodSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { loadConfigFile } from '../../src/config/load';
import { leastEnv, leastText, mistakesOf } from './samples';

const folder = mkdtempSync(join(tmpdir(), 'krakenctl-config-'));
const path = join(folder, 'file.env');
afterAll(() => rmSync(folder, { recursive: true }));

test('reads the file it is given and names it', () => {
  writeFileSync(path, leastText);
  const loaded = loadConfigFile({ path, environment: {} });
  expect(loaded.ok && loaded.settings.CLUSTER_NODE_1?.origin).toBe(`${path}:1`);
});

test('a named file that is not there is a mistake, and so is a folder', () => {
  expect(mistakesOf(loadConfigFile({ path: join(folder, 'none') }))).toMatchObject([
    { problem: 'no such file', hint: 'krakenctl init writes one' },
  ]);
  expect(mistakesOf(loadConfigFile({ path: folder }))).toMatchObject([{ problem: 'a folder, not a file' }]);
});

test('what is not UTF-8, and what is too large to be a .env, is one mistake', () => {
  writeFileSync(path, Buffer.from([0x41, 0x3d, 0xff, 0x0a]));
  expect(mistakesOf(loadConfigFile({ path }))).toMatchObject([{ problem: 'not UTF-8' }]);
  writeFileSync(path, Buffer.alloc(2 ** 20 + 1, 0x23));
  expect(mistakesOf(loadConfigFile({ path }))).toMatchObject([{ problem: 'larger than 1 MiB' }]);
});

test('a file that may not be read is a mistake', () => {
  writeFileSync(path, leastText);
  chmodSync(path, 0);
  const unreadable = process.getuid?.() !== 0;
  expect(loadConfigFile({ path }).ok).toBe(!unreadable);
});

test('without a .env everything may come from the environment', () => {
  const here = process.cwd();
  process.chdir(folder);
  try {
    expect(loadConfigFile({ environment: leastEnv }).ok).toBe(true);
    expect(mistakesOf(loadConfigFile({ environment: {} }))).toMatchObject([{ file: '.env', problem: 'no such file' }]);
  } finally {
    process.chdir(here);
  }
});
