import { appendFileSync } from 'node:fs';
import type { AgentHost, CredentialStore, Engine, FirewallHost, HostFiles, HostFolders, RedisInstance } from './host';

/**
 * Moments at which a campaign kills or freezes this process. Switched on by the environment alone; without it nothing here is
 * in any call's way.
 *
 * KRAKENCTL_FAILPOINTS: `DRIVER.POINT:CALL#N=ACTION`, several separated by commas, for example `docker.after:create#3=kill`: at the third
 * create whose answer was seen. CALL may be `*`. ACTION: `kill` (SIGKILL) or `freeze` (SIGSTOP).
 * KRAKENCTL_FAILPOINT_LOG: a file; one line for each point that fires, written before it does. With `record` in the list, a line for
 * each point that is reached.
 */

export const drivers = ['docker', 'files', 'redis', 'fence', 'agent', 'firewall', 'activity'] as const;
export type Driver = (typeof drivers)[number];

/**
 * before: nothing was sent. during: it was sent, the answer was not seen. mid-write: half of the bytes were sent. before-rename, after-rename:
 * on the host, on either side of the moment at which a file takes its place. after: the answer was seen.
 */
export const points = ['before', 'during', 'mid-write', 'before-rename', 'after-rename', 'after'] as const;
export type Point = (typeof points)[number];

interface Armed {
  driver: Driver;
  point: Point;
  call: string;
  nth: number;
  action: 'kill' | 'freeze';
}

const form =
  /^(docker|files|redis|fence|agent|firewall|activity)\.(before|during|mid-write|before-rename|after-rename|after):([\w*]+)#(\d+)=(kill|freeze)$/;

export class Failpoints {
  private readonly seen = new Map<Armed, number>();

  constructor(
    private readonly armed: Armed[],
    private readonly log: { path?: string; record: boolean },
  ) {}

  /** Resolves when the process goes on. */
  async reach(driver: Driver, point: Point, call: string): Promise<void> {
    if (this.log.record) this.note(`${driver}.${point}:${call}`);
    for (const armed of this.armed) {
      if (armed.driver !== driver || armed.point !== point || (armed.call !== '*' && armed.call !== call)) continue;
      const count = (this.seen.get(armed) ?? 0) + 1;
      this.seen.set(armed, count);
      if (count === armed.nth) await this.fire(armed, call);
    }
  }

  isArmed(driver: Driver, point: Point): boolean {
    return this.log.record || this.armed.some((a) => a.driver === driver && a.point === point);
  }

  private async fire({ driver, point, nth, action }: Armed, call: string): Promise<void> {
    this.note(`${driver}.${point}:${call}#${nth}=${action}`);
    process.kill(process.pid, action === 'kill' ? 'SIGKILL' : 'SIGSTOP');
    // A signal to oneself takes effect with the next turn; not one more step is taken before it.
    if (action === 'kill') await new Promise(() => undefined);
    await new Promise((resolve) => setImmediate(resolve));
  }

  private note(line: string): void {
    if (this.log.path) appendFileSync(this.log.path, `${line}\n`);
  }
}

/** @throws {Error} on a list that cannot be read: a campaign must not run without its fault. */
export function parseFailpoints(environment: NodeJS.ProcessEnv): Failpoints | undefined {
  const text = environment.KRAKENCTL_FAILPOINTS;
  if (text === undefined || text === '') return undefined;
  const path = environment.KRAKENCTL_FAILPOINT_LOG;
  const entries = text.split(',');
  const armed = entries
    .filter((entry) => entry !== 'record')
    .map((entry): Armed => {
      const [, driver, point, call, nth, action] = form.exec(entry) ?? [];
      if (action === undefined) {
        throw new Error(`KRAKENCTL_FAILPOINTS: ${JSON.stringify(entry)}: expected DRIVER.POINT:CALL#N=kill or =freeze`);
      }
      return { driver, point, call, nth: Number(nth), action } as Armed;
    });
  return new Failpoints(armed, { path, record: entries.includes('record') });
}

export const failpoints = parseFailpoints(process.env);

/** The verbs that change something, each with the points around it; what only looks stays as it is. */
export function withFailpoints<T extends object>(
  driver: Driver,
  verbs: (keyof T & string)[],
  client: T,
  using = failpoints,
): T {
  if (!using) return client;
  const wrapped = Object.fromEntries(
    verbs.map((verb) => {
      const run = (client[verb] as (...args: unknown[]) => Promise<unknown>).bind(client);
      return [verb, (...args: unknown[]) => around(using, { driver, call: verb }, () => run(...args))];
    }),
  );
  return Object.assign(Object.create(client) as T, wrapped);
}

async function around<T>(using: Failpoints, at: { driver: Driver; call: string }, run: () => Promise<T>): Promise<T> {
  await using.reach(at.driver, 'before', at.call);
  const running = run();
  running.catch(() => undefined);
  if (using.isArmed(at.driver, 'during')) {
    // What was written in this turn is with the kernel after the next.
    await new Promise((resolve) => setImmediate(resolve));
    await using.reach(at.driver, 'during', at.call);
  }
  const result = await running;
  await using.reach(at.driver, 'after', at.call);
  return result;
}

export const engineEffects: (keyof Engine)[] = [
  'create',
  'start',
  'stop',
  'remove',
  'hangUp',
  'update',
  'keepEnded',
  'pull',
  'load',
];
export const fileEffects: (keyof HostFiles)[] = ['write', 'append', 'remove'];
export const credentialEffects: (keyof CredentialStore)[] = ['write'];
export const folderEffects: (keyof HostFolders)[] = ['remove'];
export const redisEffects: (keyof RedisInstance)[] = [
  'meet',
  'addSlots',
  'replicate',
  'failover',
  'forget',
  'reset',
  'bumpEpoch',
  'configSet',
];
export const firewallEffects: (keyof FirewallHost)[] = ['stage', 'tryOut', 'keep', 'takeBack', 'enable', 'remove'];
export const agentEffects: (keyof AgentHost)[] = [
  'install',
  'activate',
  'putBack',
  'giveLogin',
  'deactivate',
  'restart',
];
