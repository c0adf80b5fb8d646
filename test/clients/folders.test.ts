import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  realpathSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { FolderRefusedError } from '../../src/clients/errors';
import { createFolders } from '../../src/clients/folders';
import type { HostFolders } from '../../src/clients/host';
import type { SshConnection } from '../../src/clients/ssh';
import { startSshd, type TestSshd } from '../support/ssh-server';

let sshd: TestSshd;
let ssh: SshConnection;
let scratch: string;
let root: string;
let folders: HostFolders;

beforeAll(async () => {
  sshd = await startSshd();
  ssh = await sshd.open();
});
afterAll(() => sshd.close());
beforeEach(() => {
  scratch = realpathSync(mkdtempSync(join(tmpdir(), 'krakenctl-folders-')));
  root = join(scratch, 'kraken');
  folders = createFolders(ssh, '', [root]);
});
afterEach(() => rmSync(scratch, { recursive: true }));

function put(path: string, text = 'text'): void {
  mkdirSync(join(path, '..'), { recursive: true });
  writeFileSync(path, text);
}

describe('folders of a host', () => {
  test('a cluster’s folder goes with all that is in it; its neighbour stays', async () => {
    put(join(root, 'one', 'origin', 'deep', 'blob'));
    put(join(root, 'two', 'origin', 'blob'));
    expect(await folders.remove(join(root, 'one'))).toEqual({ changed: true });
    expect(readdirSync(root)).toEqual(['two']);
    expect(existsSync(join(root, 'two', 'origin', 'blob'))).toBe(true);
    expect(await folders.remove(join(root, 'one'))).toEqual({ changed: false });
  });

  test('the root goes with the last of its folders', async () => {
    put(join(root, 'one', 'blob'));
    await folders.remove(join(root, 'one'));
    expect(existsSync(root)).toBe(false);
    expect(await folders.remove(join(root, 'one'))).toEqual({ changed: false });
  });

  test('what a removal that was cut had set aside is measured, and goes with the next', async () => {
    put(join(root, '.one.removing', 'blob'), 'x'.repeat(5000));
    const [seen] = await folders.measure([join(root, 'one')]);
    expect(seen).toMatchObject({ kind: 'folder' });
    expect(seen!.bytes).toBeGreaterThanOrEqual(5000);
    put(join(root, 'one', 'blob'));
    expect(await folders.remove(join(root, 'one'))).toEqual({ changed: true });
    expect(existsSync(root)).toBe(false);
  });

  test('a link inside is removed, and never what it points to', async () => {
    put(join(scratch, 'precious', 'file'));
    put(join(root, 'one', 'blob'));
    symlinkSync(join(scratch, 'precious'), join(root, 'one', 'link'));
    await folders.remove(join(root, 'one'));
    expect(existsSync(join(scratch, 'precious', 'file'))).toBe(true);
  });

  test('a folder that is a link, or lies behind one, is refused and left', async () => {
    put(join(scratch, 'precious', 'one', 'file'));
    mkdirSync(root);
    symlinkSync(join(scratch, 'precious', 'one'), join(root, 'one'));
    expect((await folders.measure([join(root, 'one')]))[0]).toMatchObject({ kind: 'link' });
    await expect(folders.remove(join(root, 'one'))).rejects.toBeInstanceOf(FolderRefusedError);
    rmSync(root, { recursive: true });
    symlinkSync(join(scratch, 'precious'), root);
    expect((await folders.measure([join(root, 'one')]))[0]).toMatchObject({ kind: 'link' });
    await expect(folders.remove(join(root, 'one'))).rejects.toThrow(/behind/);
    expect(existsSync(join(scratch, 'precious', 'one', 'file'))).toBe(true);
  });

  test('a file in its place is refused and left', async () => {
    put(join(root, 'one'));
    expect((await folders.measure([join(root, 'one')]))[0]).toMatchObject({ kind: 'other' });
    await expect(folders.remove(join(root, 'one'))).rejects.toThrow(/not a folder/);
  });

  test('a folder with a file system mounted below it is told apart', async () => {
    // /proc is mounted everywhere; removing is judged by the same text.
    expect((await folders.measure(['/proc']))[0]).toMatchObject({ kind: 'mounted' });
  });

  test.each([
    ['outside of the roots', (at: string) => join(at, '..', 'precious')],
    ['a root itself', (at: string) => at],
    ['a folder of a folder', (at: string) => join(at, 'one', 'origin')],
    ['a way out', (at: string) => `${at}/..`],
    ['a way out of a cluster', (at: string) => `${at}/one/../../precious`],
    ['no name', (at: string) => `${at}/`],
    ['a hidden name', (at: string) => `${at}/.one`],
    ['a wildcard', (at: string) => `${at}/*`],
    ['a substitution', (at: string) => `${at}/$(touch canary)`],
    ['an option', (at: string) => `${at}/-rf`],
  ])('%s is refused and left', async (_, pathOf) => {
    put(join(scratch, 'precious', 'file'));
    put(join(root, 'one', 'origin', 'blob'));
    await expect(folders.remove(pathOf(root))).rejects.toBeInstanceOf(FolderRefusedError);
    expect(existsSync(join(scratch, 'precious', 'file'))).toBe(true);
    expect(existsSync(join(root, 'one', 'origin', 'blob'))).toBe(true);
  });

  test('names are those of folders, sorted; a root that is not there has none', async () => {
    expect(await folders.names(root)).toEqual([]);
    put(join(root, 'two', 'x'));
    put(join(root, 'one', 'x'));
    put(join(root, 'file'));
    put(join(root, '.three.removing', 'x'));
    expect(await folders.names(root)).toEqual(['one', 'two']);
  });

  test('sizes are those of what is inside, and what is absent says so', async () => {
    put(join(root, 'one', 'blob'), 'x'.repeat(100_000));
    const [one, none] = await folders.measure([join(root, 'one'), join(root, 'none')]);
    expect(one!.bytes).toBeGreaterThanOrEqual(100_000);
    expect(one!.bytes).toBeLessThan(120_000);
    expect(none).toEqual({ path: join(root, 'none'), kind: 'absent' });
  });
});
