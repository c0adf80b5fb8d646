import { countPinned, type Deployment, type Place, readMainQueue } from '../releases/deployment';
import { compareReleases, type Release } from '../releases/release';
import type { KeptCode } from './kept-code';
import type { VersionWorkers } from './version-workers';
import type { WorkflowCode } from './workflow-code';

export interface Poller {
  identity: string;
  lastSeen: number;
}

export interface Household extends Place {
  own: WorkflowCode & { release: Release };
  identity: string;
  kept: KeptCode;
  /** Whether who asked for work lately still lives. */
  isAlive(poller: Poller): boolean;
  /** Workers of this process for other workflow code, with the activities of this release. */
  open(code: WorkflowCode): Promise<VersionWorkers>;
  /** A line of the worker's log. */
  note(text: string): void;
}

/** Operations that an older release began are ended on its workflow code, when no worker of that release is there to do it. */
export class OlderVersions {
  private readonly running = new Map<string, { stop: AbortController; ended: Promise<void> }>();
  private readonly told = new Set<string>();

  constructor(private readonly home: Household) {}

  /** `draining` and not a count decides: what began a moment ago is not listed yet, and Temporal waits for that before it says `drained`. */
  async look(deployment: Deployment): Promise<void> {
    const { own, kept } = this.home;
    const draining = deployment.versions.filter((v) => v.state === 'draining' && v.buildId !== own.buildId);
    const { pollers } = draining.length > 0 ? await readMainQueue(this.home) : { pollers: [] };
    const polled = new Set(pollers.filter((p) => this.isOther(p)).map((p) => p.buildId));
    for (const { buildId } of draining) {
      if (!this.running.has(buildId) && !polled.has(buildId)) await this.take(buildId);
    }
    for (const buildId of this.running.keys()) {
      if (!draining.some((v) => v.buildId === buildId)) await this.stop(buildId);
    }
    const needed = new Set([own.buildId, deployment.current, ...draining.map((v) => v.buildId)]);
    for (const buildId of kept.list()) {
      if (!needed.has(buildId) && !kept.isYoung(buildId)) kept.drop(buildId);
    }
  }

  private isOther(poller: Poller): boolean {
    return poller.identity !== this.home.identity && this.home.isAlive(poller);
  }

  private async take(buildId: string): Promise<void> {
    const { own, kept, open, note } = this.home;
    const release = kept.releaseOf(buildId);
    // Activities are added, not taken away: an older release may lack some that newer workflows call.
    const isNewer = release !== undefined && compareReleases(release, own.release) > 0;
    const code = isNewer ? undefined : kept.load(buildId);
    if (!code) return this.tellOfMissing(buildId);
    const stop = new AbortController();
    const ended = (await open(code)).run(stop.signal).catch((error) => {
      note(`the worker for workflow code ${buildId} failed: ${error instanceof Error ? error.message : error}`);
      this.running.delete(buildId);
    });
    this.running.set(buildId, { stop, ended });
    note(`what was begun on workflow code ${buildId} is ended on it`);
  }

  /** Once for each: it is for a person to start that release, or to move the operation. */
  private async tellOfMissing(buildId: string): Promise<void> {
    if (this.told.has(buildId)) return;
    const open = await countPinned(this.home, buildId);
    if (open === 0) return;
    this.told.add(buildId);
    this.home.note(
      `${open} open on workflow code ${buildId}, which this worker does not have: krakenctl worker status`,
    );
  }

  private async stop(buildId: string): Promise<void> {
    const held = this.running.get(buildId);
    held?.stop.abort();
    await held?.ended;
    this.running.delete(buildId);
    if (held) this.home.note(`nothing is open on workflow code ${buildId} any more`);
  }

  async close(): Promise<void> {
    const all = [...this.running.values()];
    for (const { stop } of all) stop.abort();
    await Promise.all(all.map(({ ended }) => ended));
  }
}
