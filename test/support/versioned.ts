import { type ChildProcess, fork } from 'node:child_process';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { WorkflowHandle } from '@temporalio/client';
import { taskQueues } from '../../src/contracts/queues';
import type { Release } from '../../src/releases/release';
import { serveHosts } from '../campaign/remote-hosts';
import type { MemoryLab } from './memory-hosts';

/** Workers of several releases as processes of their own, so that one can be killed and another put in its place. */
export interface WorkerSetting {
  address: string;
  namespace: string;
  stateFolder: string;
  lab: () => MemoryLab;
}

export interface ReleaseOf extends Release {
  bundle: string;
}

export class VersionedWorker {
  readonly notes: string[] = [];
  readonly gone: Promise<void>;
  private isReady = false;
  private output = '';

  private constructor(private readonly child: ChildProcess) {
    this.gone = new Promise((resolve) => child.once('close', () => resolve()));
    child.on('message', (message: { note?: string; ready?: true }) => {
      if (message.note !== undefined) this.notes.push(message.note);
      if (message.ready) this.isReady = true;
    });
    for (const stream of [child.stdout!, child.stderr!]) {
      stream.on('data', (text: Buffer) => {
        this.output = (this.output + text).slice(-5000);
      });
    }
  }

  /** Resolves when it says that it is ready. */
  static async start(setting: WorkerSetting, { bundle, ...release }: ReleaseOf): Promise<VersionedWorker> {
    const child = fork(join(__dirname, 'versioned-worker.ts'), {
      execArgv: ['-r', join(__dirname, '..', 'campaign', 'register.cjs')],
      serialization: 'advanced',
      stdio: ['ignore', 'pipe', 'pipe', 'ipc'],
      env: {
        PATH: process.env.PATH,
        HOME: process.env.HOME,
        TEMPORAL_ADDRESS: setting.address,
        TEMPORAL_NAMESPACE: setting.namespace,
        KRAKENCTL_STATE_DIR: setting.stateFolder,
        WORKER_RELEASE: JSON.stringify(release),
        WORKER_BUNDLE: bundle,
      },
    });
    const worker = new VersionedWorker(child);
    serveHosts(child, setting.lab);
    await eventually('the worker is ready', () => {
      if (child.exitCode !== null) throw new Error(`the worker ended: ${worker.output}`);
      return worker.isReady;
    });
    return worker;
  }

  get pid(): number {
    return this.child.pid!;
  }

  async kill(signal: 'SIGKILL' | 'SIGTERM' = 'SIGKILL'): Promise<void> {
    this.child.kill(signal);
    await this.gone;
  }
}

/** Workflow code of a newer release: a deploy begins with a timer that the older one does not have, so the two cannot go on with each other's. */
export function writeNewerBundle(from: string, to: string): void {
  const code = readFileSync(from, 'utf8');
  const mark = /async function perform\(deploy\) \{/;
  if (!mark.test(code)) throw new Error('the bundle has no place for the change');
  writeFileSync(to, code.replace(mark, '$& await new Promise((resolve) => setTimeout(resolve, 1));'));
}

/** Workflow code of an older release, whose agents had no queue of their own. */
export function writeOlderBundle(from: string, to: string): void {
  const code = readFileSync(from, 'utf8');
  const mark = `agents: '${taskQueues.agents}'`;
  if (!code.includes(mark)) throw new Error('the bundle has no place for the change');
  writeFileSync(to, code.replace(mark, `agents: '${taskQueues.main}'`));
}

/** Queues of the activities that it had done, each once. */
export async function queuesOf(handle: WorkflowHandle): Promise<string[]> {
  const { events = [] } = await handle.fetchHistory();
  const scheduled = (events ?? []).flatMap((e) => e.activityTaskScheduledEventAttributes?.taskQueue?.name ?? []);
  return [...new Set(scheduled)];
}

/** Build ids of the workers that ended its workflow tasks, in order, each once. */
export async function buildIdsOf(handle: WorkflowHandle): Promise<(string | undefined)[]> {
  const { events = [] } = await handle.fetchHistory();
  const ended = (events ?? []).flatMap((e) =>
    e.workflowTaskCompletedEventAttributes ? [e.workflowTaskCompletedEventAttributes] : [],
  );
  return [...new Set(ended.map((e) => e.deploymentVersion?.buildId ?? undefined))];
}

export async function eventually(
  what: string,
  look: () => boolean | Promise<boolean>,
  withinMs = 60_000,
): Promise<void> {
  for (const until = Date.now() + withinMs; !(await look()); ) {
    if (Date.now() > until) throw new Error(`${what}: not within ${withinMs} ms`);
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
}
