import { setTimeout } from 'node:timers/promises';
import {
  type Deployment,
  describeVersion,
  makeCurrent,
  noteRelease,
  polledQueues,
  readDeployment,
  readMainQueue,
} from '../releases/deployment';
import { compareReleases } from '../releases/release';
import { type CurrentVersion, judgeSuccession } from '../releases/succession';
import { type Household, OlderVersions } from './older-versions';

/** A worker that was just started: Temporal knows its version when its first polls have arrived. */
const beginsWithinMs = 30_000;
const pauseMs = 50;
/** Who died, what was drained, who came: none of it is in a hurry. */
const looksEveryMs = 10_000;

const notOlder = 'its release is not older than this one, and works';

/** What a versioned worker does beside its work: it takes over from an older release, and ends what that began. */
export class VersionKeeper {
  private readonly older: OlderVersions;
  private isNoted = false;
  private lastTrouble = '';

  constructor(private readonly home: Household) {
    this.older = new OlderVersions(home);
  }

  /** Resolves when it is decided who gets what is new; told and left to the clock when that cannot be had. */
  async begin(signal: AbortSignal): Promise<void> {
    let trouble: unknown = new Error('Temporal does not know this version yet');
    for (
      const until = Date.now() + beginsWithinMs;
      Date.now() < until && !signal.aborted;
      await pause(pauseMs, signal)
    ) {
      try {
        if (!(await this.isRegistered())) continue;
        return await this.succeed(true);
      } catch (error) {
        // Somebody else changed the deployment at the same moment, or Temporal is busy with the first polls.
        trouble = error;
      }
    }
    if (!signal.aborted) this.tell(trouble);
  }

  /** Until the signal aborts. */
  async keep(signal: AbortSignal): Promise<void> {
    while (!signal.aborted) {
      try {
        this.home.kept.keep(this.home.own, this.home.own.release);
        await this.succeed(false);
        await this.ensureNoted();
        await this.older.look(await this.deployment());
        this.lastTrouble = '';
      } catch (error) {
        this.tell(error);
      }
      await pause(looksEveryMs, signal);
    }
    await this.older.close();
  }

  private async deployment(): Promise<Deployment> {
    return (await readDeployment(this.home)) ?? { versions: [] };
  }

  private async isRegistered(): Promise<boolean> {
    const version = await describeVersion(this.home, this.home.own.buildId);
    return polledQueues.every((queue) => version?.queues.includes(queue));
  }

  private async succeed(starting: boolean): Promise<void> {
    const { own, identity, note } = this.home;
    const { buildId, release } = own;
    const deployment = await this.deployment();
    const verdict = judgeSuccession({ buildId, release, starting }, await this.currentOf(deployment));
    if (verdict === 'leaves' && starting)
      note(`new operations stay on workflow code ${deployment.current}: ${notOlder}`);
    if (verdict !== 'takes') return;
    // Before it is current: another release must be able to tell who is newer.
    const token = (await this.ensureNoted()) ? (await this.deployment()).token : deployment.token;
    await makeCurrent(this.home, { buildId, identity, token });
    note(`new operations run on workflow code ${buildId}`);
  }

  /** True when it was not noted before: two releases may have the same workflows, then the newer one counts. */
  private async ensureNoted(): Promise<boolean> {
    const { buildId, release } = this.home.own;
    if (this.isNoted) return false;
    const known = (await describeVersion(this.home, buildId))?.release;
    const isNew = !known || compareReleases(release, known) > 0;
    if (isNew) await noteRelease(this.home, buildId, release);
    this.isNoted = true;
    return isNew;
  }

  private async currentOf({ current: buildId }: Deployment): Promise<CurrentVersion | undefined> {
    if (buildId === undefined) return undefined;
    if (buildId === this.home.own.buildId) return { buildId, polled: true };
    const [version, { pollers }] = await Promise.all([describeVersion(this.home, buildId), readMainQueue(this.home)]);
    const polled = pollers.some((p) => p.buildId === buildId && this.home.isAlive(p));
    return { buildId, release: version?.release, polled };
  }

  /** Once for each trouble: Temporal may be away for hours. */
  private tell(error: unknown): void {
    const text = error instanceof Error ? error.message : String(error);
    if (text !== this.lastTrouble) this.home.note(`versions of workers could not be looked after: ${text}`);
    this.lastTrouble = text;
  }
}

/** Ends early, and well, when the signal aborts. */
function pause(ms: number, signal: AbortSignal): Promise<void> {
  return setTimeout(ms, undefined, { signal }).catch(() => undefined);
}
