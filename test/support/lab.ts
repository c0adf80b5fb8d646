import { spawn } from 'node:child_process';
import { mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { homedir } from 'node:os';
import { join } from 'node:path';
import { type Lab, labDown, labEnv, labUp, preloadImages, readLab, resetLab } from '../../src/lab/lab';

/** The lab of the e2e files, and the product as a person uses it: `bin/krakenctl` with arguments, in a folder with a `.env`. */

export const root = join(__dirname, '..', '..');
/** Apart from a person's own state: tests must not meet the demo's Temporal, worker or record. */
export const labName = process.env.KRAKENCTL_TEST_LAB ?? 'test';
export const stateFolder = join(homedir(), '.local', 'state', `krakenctl-${labName}`);
export const workFolder = join(stateFolder, 'work');
/** What one file leaves for the next: standing.ts. */
export const standingNote = join(stateFolder, 'standing.json');
export const temporalPort = Number(process.env.KRAKENCTL_TEST_TEMPORAL_PORT ?? 17233);

process.env.KRAKENCTL_STATE_DIR = stateFolder;

export const onRealKraken = process.env.KRAKEN_IMAGES === 'real';
/** Deployed first; then the one to change to; then, with the stand-in alone, one whose origin never gets ready. */
export const versions = ['v0.1.27', 'v0.1.26', ...(onRealKraken ? [] : ['v0.1.28-rc1'])];

const plainLab = {
  name: labName,
  nodes: 3,
  images: onRealKraken ? 'real' : 'stand-in',
  krakenVersions: versions,
} as const;

export interface Run {
  code: number;
  stdout: string;
  stderr: string;
  ms: number;
}

export interface RunOptions {
  /** On top of the tests' own environment. */
  env?: Record<string, string>;
  folder?: string;
  timeoutMs?: number;
  onOutput?: (text: string) => void;
}

/** What a test process inherits may name another Temporal or hold keys of a `.env`. */
export function environment(extra: Record<string, string> = {}): NodeJS.ProcessEnv {
  const { PATH, HOME, LANG } = process.env;
  return { PATH, HOME, LANG, NO_COLOR: '1', CI: 'true', KRAKENCTL_STATE_DIR: stateFolder, ...extra };
}

export function krakenctl(args: string[], options: RunOptions = {}): Promise<Run> {
  const started = Date.now();
  const child = spawn(process.execPath, [join(root, 'bin', 'krakenctl'), ...args], {
    cwd: options.folder ?? workFolder,
    env: environment(options.env),
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  let stdout = '';
  let stderr = '';
  const take = (text: Buffer, onto: 'out' | 'err') => {
    if (onto === 'out') stdout += text;
    else stderr += text;
    options.onOutput?.(text.toString());
  };
  child.stdout.on('data', (text: Buffer) => take(text, 'out'));
  child.stderr.on('data', (text: Buffer) => take(text, 'err'));
  const timer = setTimeout(() => child.kill('SIGKILL'), options.timeoutMs ?? 240_000);
  return new Promise((resolve) => {
    child.on('close', (code, signal) => {
      clearTimeout(timer);
      resolve({ code: code ?? (signal === 'SIGKILL' ? 137 : -1), stdout, stderr, ms: Date.now() - started });
    });
  });
}

/** Must succeed; says what was printed when it does not. */
export async function must(args: string[], options: RunOptions = {}): Promise<Run> {
  const run = await krakenctl(args, options);
  if (run.code !== 0) throw new Error(`krakenctl ${args.join(' ')} exited ${run.code}\n${run.stdout}\n${run.stderr}`);
  return run;
}

export async function json<T>(
  args: string[],
  options: RunOptions = {},
): Promise<{ code: number; data: T; error?: { code: string; message: string } }> {
  const run = await krakenctl([...args, '--json'], options);
  const envelope = JSON.parse(run.stdout) as { data: T; error?: { code: string; message: string } };
  return { code: run.code, data: envelope.data, error: envelope.error };
}

/** `.env` of the lab, with changes; an undefined value leaves a key out. */
export function writeEnv(lab: Lab, changes: Record<string, string | undefined> = {}, folder = workFolder): void {
  // Watching new parts would only take time here; what shows it says its own.
  const entries = Object.entries({ ...labEnv(lab), ROLLOUT_BAKE: '0s', ...changes }).filter(
    ([, value]) => value !== undefined,
  );
  mkdirSync(folder, { recursive: true });
  writeFileSync(join(folder, '.env'), entries.map(([key, value]) => `${key}=${value}\n`).join(''));
}

export async function currentLab(): Promise<Lab> {
  const lab = await readLab(labName);
  if (!lab) throw new Error('the e2e lab is not up');
  return lab;
}

/** Hosts as new, with their images; `.env` as the lab's. With `vms` there are so many of them too. */
export async function freshLab({ vms }: { vms?: number } = {}): Promise<Lab> {
  rmSync(standingNote, { force: true });
  const lab = vms === undefined ? await currentLab() : await labUp({ ...plainLab, vms });
  await resetLab(lab);
  if (vms !== undefined) await preloadImages(lab, { versions });
  writeEnv(lab);
  return lab;
}

/** Hosts that exist stay as they are; further VMs come with the images. */
export async function addVms(vms: number): Promise<Lab> {
  const before = await currentLab();
  const count = ({ hosts }: Lab) => hosts.filter(({ name }) => name.startsWith('vm-')).length;
  if (count(before) >= vms) return before;
  const lab = await labUp({ ...plainLab, vms });
  await preloadImages(lab, { versions });
  return lab;
}

export function container(lab: Lab, host: string): string {
  const found = lab.hosts.find((h) => h.name === host);
  if (!found) throw new Error(`the lab has no ${host}`);
  return found.container;
}

export function pidOf(what: 'worker' | 'temporal'): number {
  const text = readFileSync(join(stateFolder, `${what}.pid`), 'utf8');
  return Number(/\d+/.exec(text)?.[0]);
}

export async function temporalUp(): Promise<void> {
  await must(['temporal', 'up', '--port', String(temporalPort)]);
}

export async function openLab(): Promise<void> {
  rmSync(standingNote, { force: true });
  mkdirSync(workFolder, { recursive: true });
  await krakenctl(['worker', 'stop']);
  await krakenctl(['temporal', 'down', '--purge', '--yes']);
  const say = (text: string) => process.stderr.write(` ▸ lab: ${text}\n`);
  const lab = await labUp({
    ...plainLab,
    vms: 0,
    progress: (p) => p.state !== 'start' && say(`${p.step} ${p.message}`),
  });
  await resetLab(lab);
  await preloadImages(lab, { versions, progress: (p) => say(`${p.step} ${p.message}`) });
  writeEnv(lab);
  await temporalUp();
  await must(['worker', 'start']);
}

export async function closeLab(): Promise<void> {
  rmSync(standingNote, { force: true });
  await krakenctl(['worker', 'stop']);
  await krakenctl(['temporal', 'down', '--purge', '--yes']);
  await labDown(labName);
  rmSync(workFolder, { recursive: true, force: true });
}

/** Waits for something to be so; fails with what was seen last. */
export async function until<T>(what: string, look: () => Promise<T | undefined>, timeoutMs = 60_000): Promise<T> {
  const deadline = Date.now() + timeoutMs;
  let last: unknown;
  while (Date.now() < deadline) {
    try {
      const seen = await look();
      if (seen !== undefined) return seen;
    } catch (error) {
      last = error;
    }
    await new Promise((resolve) => setTimeout(resolve, 100));
  }
  throw new Error(`${what}: not within ${timeoutMs} ms${last instanceof Error ? ` (${last.message})` : ''}`);
}
