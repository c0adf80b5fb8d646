import { existsSync, rmSync, writeFileSync } from 'node:fs';
import { gzipSync } from 'node:zlib';
import { pack } from 'tar-stream';
import { CliFailure } from '../failure';

export function refuseExisting(path: string): void {
  if (existsSync(path)) throw new CliFailure('USAGE', `${path} exists; nothing was written`, { hint: '--out FILE' });
}

/** One folder with all files, as tar.gz. */
export async function packArchive(folder: string, files: Map<string, string>, at: Date): Promise<Buffer> {
  const archive = pack();
  const chunks: Buffer[] = [];
  const read = (async () => {
    for await (const chunk of archive) chunks.push(chunk as Buffer);
  })();
  for (const [path, text] of files) archive.entry({ name: `${folder}/${path}`, mode: 0o600, mtime: at }, text);
  archive.finalize();
  await read;
  return gzipSync(Buffer.concat(chunks));
}

/** Readable by its owner alone; never over another file. */
export function writeArchive(path: string, bytes: Buffer): void {
  try {
    writeFileSync(path, bytes, { flag: 'wx', mode: 0o600 });
  } catch (error) {
    const { code, message } = error as NodeJS.ErrnoException;
    if (code === 'EEXIST') refuseExisting(path);
    // Ours, since it was not there before: a cut archive helps nobody.
    if (code === 'ENOSPC' || code === 'EIO' || code === 'EDQUOT') rmSync(path, { force: true });
    throw new CliFailure('USAGE', `${path} cannot be written: ${message}`, { hint: '--out FILE' });
  }
}
