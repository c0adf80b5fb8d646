import { mkdirSync, readFileSync, renameSync, writeFileSync } from 'node:fs';
import { dirname } from 'node:path';
import type { Settings } from './configuration';
import { say } from './log';
import { isPlanted } from './misbehaviour';

/** What still has to reach the backend. Kept on disk beside the cache, so that it outlives a restart. */
interface Task {
  namespace: string;
  name: string;
  /** Not before this time (ms since 1970). */
  due: number;
  lastAttempt: number;
}

export type Execute = (task: { namespace: string; name: string }) => Promise<void>;

export class WriteBackQueue {
  private readonly tasks = new Map<string, Task>();
  private readonly running = new Set<string>();
  private readonly path: string;
  private readonly retryMs: number;

  constructor(
    settings: Settings,
    private readonly execute: Execute,
  ) {
    this.path = settings.text('localdb.source');
    this.retryMs = settings.duration('writeback.retry_interval', 30_000);
    mkdirSync(dirname(this.path), { recursive: true });
    for (const task of this.load()) this.tasks.set(keyOf(task), task);
    const pollMs = settings.duration('writeback.poll_retries_interval', 15_000);
    setInterval(() => this.runDue(), pollMs).unref();
  }

  /** Acknowledged when it is on disk; tried at once unless delayed. */
  add(namespace: string, name: string, delayMs = 0): void {
    const task = { namespace, name, due: Date.now() + delayMs, lastAttempt: 0 };
    if (this.tasks.has(keyOf(task))) return;
    this.tasks.set(keyOf(task), task);
    this.save();
    if (delayMs === 0) void this.run(task);
  }

  /** True while something of this name is still to be written. */
  has(name: string): boolean {
    return [...this.tasks.values()].some((task) => task.name === name);
  }

  private runDue(): void {
    const now = Date.now();
    for (const task of this.tasks.values()) {
      if (task.due <= now && now - task.lastAttempt > this.retryMs) void this.run(task);
    }
  }

  private async run(task: Task): Promise<void> {
    const key = keyOf(task);
    if (this.running.has(key)) return;
    this.running.add(key);
    try {
      await this.execute(task);
      this.tasks.delete(key);
    } catch (error) {
      task.lastAttempt = Date.now();
      say('ERROR', `Failed to exec task ${task.name}: ${(error as Error).message}`);
    } finally {
      this.running.delete(key);
      this.save();
    }
  }

  private load(): Task[] {
    if (isPlanted('forgets-queue')) return [];
    try {
      const tasks = JSON.parse(readFileSync(this.path, 'utf8')) as Task[];
      // As Kraken marks what was under way as failed at a start: it is tried again after the retry interval.
      return tasks.map((task) => ({ ...task, lastAttempt: Math.max(task.lastAttempt, 0) }));
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code === 'ENOENT') return [];
      throw new Error(`Error creating local db: ${(error as Error).message}`);
    }
  }

  private save(): void {
    writeFileSync(`${this.path}.new`, JSON.stringify([...this.tasks.values()]));
    renameSync(`${this.path}.new`, this.path);
  }
}

function keyOf(task: { namespace: string; name: string }): string {
  return `${task.namespace} ${task.name}`;
}
