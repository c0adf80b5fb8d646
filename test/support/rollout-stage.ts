import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import type { Lab } from '../../src/lab/lab';
import { expectWhole } from './end-state';
import { freshLab, json, krakenctl, labName, must, type Run, type RunOptions, writeEnv } from './lab';
import { Load, type LoadReport, tell } from './load';
import { type Acknowledged, freshImage, pushSlowly } from './load-image';
import { pullOnVm } from './load-vms';
import { Watch } from './watch';
import { type Judgement, judge, stillOut } from './watch-judgement';

/** A cluster that serves a loop of pushes and pulls, and that is watched, while it is changed. */
export interface RolloutOptions {
  vms: number;
  /** Deployed first; default: the lab's. */
  version?: string;
  perSecond: number;
}

/** What a rollout was like to those who use the cluster, and to those who watch it. */
export interface Told {
  /** Only when the command was waited for. */
  run?: Run;
  load: LoadReport;
  judgement: Judgement;
  seconds: number;
}

export interface SlowUpload {
  /** As the last answer named it. */
  place: string;
  /** Pieces that were sent while some node was left out. */
  whileOut: number;
  done: Promise<Acknowledged>;
}

export class RolloutStage {
  private env: Record<string, string> = {};
  private since = 0;

  private constructor(
    readonly lab: Lab,
    readonly load: Load,
    readonly watch: Watch,
  ) {}

  /** Hosts as new, a cluster of the first version, agents on the VMs; the loop runs. */
  static async open({ vms, version, perSecond }: RolloutOptions): Promise<RolloutStage> {
    const lab = await freshLab({ vms });
    const env = version === undefined ? {} : { KRAKEN_VERSION: version };
    writeEnv(lab, env);
    await must(['deploy', '--yes']);
    const machines = lab.hosts.filter((h) => h.name.startsWith('vm-')).slice(0, vms);
    if (vms > 0) await must(['agent', 'deploy', ...machines.map((vm) => vm.address)]);
    // Gigabytes of images were just written: whoever pushes would wait for the disk, quiet or not.
    await promisify(execFile)('sync');
    const load = await Load.start({
      addresses: nodesOf(lab).map((host) => `${host.address}:5000`),
      perSecond,
      repository: 'rollout',
      beside: machines.map((vm) => pullOnVm(vm.name, vm.container)),
    });
    const watch = await Watch.start(Object.fromEntries(nodesOf(lab).map((h) => [h.name, h.container])));
    const stage = new RolloutStage(lab, load, watch);
    stage.set(env);
    return stage;
  }

  async close(): Promise<void> {
    await this.watch.stop();
    await this.load.stop();
  }

  get hosts(): Record<string, string> {
    return Object.fromEntries(nodesOf(this.lab).map((h) => [h.name, h.container]));
  }

  get nodes(): string[] {
    return Object.keys(this.hosts);
  }

  host(name: string) {
    return this.lab.hosts.find((h) => h.name === name)!;
  }

  /** Adds to what `.env` says from now on; undefined takes back. */
  set(changes: Record<string, string | undefined>): void {
    const all = Object.entries({ ...this.env, ...changes });
    this.env = Object.fromEntries(all.filter((entry): entry is [string, string] => entry[1] !== undefined));
    writeEnv(this.lab, this.env);
  }

  /** As it was set here; undefined where the lab's own counts. */
  value(key: string): string | undefined {
    return this.env[key];
  }

  /** From now on until {@link told}: what is judged together. */
  begin(): void {
    this.since = Date.now();
    this.load.lap();
  }

  /** So long nothing is changed. */
  async quiet(operations: number): Promise<LoadReport> {
    this.load.lap();
    await this.watch.until(`${operations} quiet operations`, () => this.load.soFar().length >= operations, 120_000);
    return this.load.lap();
  }

  told(run?: Run): Told {
    const from = this.since;
    const { watch, nodes } = this;
    const seen = {
      looks: watch.looks.filter((look) => look.from >= from),
      events: watch.events.filter((event) => event.at >= from),
      cluster: labName,
      nodes,
    };
    const seconds = Math.round((Date.now() - from) / 100) / 10;
    return { run, load: this.load.lap(), judgement: judge(seen), seconds };
  }

  /** A deploy that is followed to its end, under the loop. */
  async deploy(flags: string[] = [], options: RunOptions = {}): Promise<Told> {
    this.begin();
    const run = await krakenctl(['deploy', '--yes', ...flags], { timeoutMs: 600_000, ...options });
    return this.told(run);
  }

  /** A deploy that is left alone; it is in the middle of `node` when this resolves: drained, and its origin is being replaced. */
  async deployInto(node: string, flags: string[] = []): Promise<void> {
    this.begin();
    await must(['deploy', '--yes', '--detach', ...flags]);
    await this.untilWorkedOn(node);
  }

  async untilWorkedOn(node: string): Promise<void> {
    const origin = `kraken-${labName}-${node}-origin`;
    const isReplaced = () =>
      this.watch.events.some((e) => e.at >= this.since && e.action === 'create' && e.container === origin);
    await this.watch.until(`${node} is worked on`, isReplaced, 240_000);
  }

  /** Uploads that are open on every node when this resolves, and that end when some node has been left out for a while. */
  async openUploads(): Promise<SlowUpload[]> {
    const open = nodesOf(this.lab).flatMap(({ address }, index) =>
      // Which node a repository's uploads lie on is a matter of its name: of so many, each has some.
      Array.from({ length: 4 }, (_, n) => this.openUpload(`${address}:5000`, `rollout/slow-${index}-${n}`)),
    );
    await this.watch.until('each upload has begun', () => open.every((upload) => upload.place !== ''));
    return open;
  }

  private openUpload(address: string, repository: string): SlowUpload {
    const pieces = 80;
    const upload: SlowUpload = { place: '', whileOut: 0, done: Promise.resolve(undefined as never) };
    const between = async (_: number, place: string) => {
      upload.place = place;
      if (this.watch.leftOut().length > 0) upload.whileOut += 1;
      // What nobody writes to for long may be taken for given up.
      if (upload.whileOut < 4) await new Promise((resolve) => setTimeout(resolve, 1_000));
    };
    upload.done = pushSlowly(address, freshImage(repository, `t${Date.now()}`, pieces * 200), { pieces, between });
    upload.done.catch(() => undefined);
    return upload;
  }

  /** Whole and serving, nobody is left out, and what `plan` says. */
  async expectSettled(): Promise<void> {
    await expectWhole(this.hosts, labName);
    await this.expectNobodyOut();
  }

  async expectNobodyOut(): Promise<void> {
    const { looks } = this.watch;
    const from = Date.now();
    await this.watch.until('every load balancer is looked at', () =>
      this.nodes.every((host) => looks.some((look) => look.host === host && look.from > from)),
    );
    expect(stillOut({ looks, nodes: this.nodes })).toEqual([]);
  }
}

const nodesOf = (lab: Lab) => lab.hosts.filter((h) => h.name.startsWith('node-'));

interface Shown {
  progress?: { hold?: { kind: string; point: string } };
}

/** Where the operation waits for somebody, by the product's own word. */
export async function holdOf(): Promise<{ kind: string; point: string } | undefined> {
  const { data } = await json<Shown>(['op', 'show']);
  return data.progress?.hold;
}

export function isServed(told: Told): string {
  return `${tell(told.load)}; order ${told.judgement.order.join(' ')}; ${told.judgement.checked} checked; ${told.seconds} s`;
}
