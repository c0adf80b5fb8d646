import { type Acknowledged, freshImage, pull, push } from './load-image';
import { ask, StepFailure } from './load-request';

/**
 * The loop of every rollout: pushes and pulls through load balancers in turn, without retries, at a pace that nothing slows down: an
 * operation begins when it is due, whether or not those before it have ended. Imports nothing of src.
 */
export interface LoadOptions {
  /** `host:port`, asked in turn. */
  addresses: string[];
  perSecond: number;
  /** Images get repositories of their own below it. */
  repository: string;
  /** Other places to pull from, each with an operation of its own that is due every so often. */
  beside?: Beside[];
  /** How long each kind may take to be seen to succeed once. */
  firstWithinMs?: number;
}

export interface Beside {
  name: string;
  everyMs: number;
  /** @throws {Error} when it did not get what was acknowledged. */
  pull(image: Acknowledged): Promise<void>;
}

export interface Operation {
  kind: string;
  /** `host:port` or the name of what is beside. */
  target: string;
  at: number;
  ms: number;
  image: string;
  failure?: StepFailure;
}

export interface LoadReport {
  operations: number;
  perSecond: number;
  failed: Operation[];
  /** Bytes that came with a success and were not those that were owed. */
  wrongDigests: Operation[];
  /** Of pushes and pulls through load balancers, ms. */
  times: number[];
  p50Ms: number;
  p99Ms: number;
  slowest: Operation[];
  longestGapMs: number;
  counts: Record<string, number>;
}

const repositories = 40;

export class Load {
  private readonly pushed: Acknowledged[] = [];
  private readonly ended: Operation[] = [];
  private readonly underWay = new Set<Promise<void>>();
  private readonly timers: NodeJS.Timeout[] = [];
  private lapStart = Date.now();
  private count = 0;

  private constructor(private readonly options: LoadOptions) {}

  /** Resolves once each kind of operation has been seen to succeed. @throws {Error} with the last failure when none is. */
  static async start(options: LoadOptions): Promise<Load> {
    const load = new Load(options);
    const deadline = Date.now() + (options.firstWithinMs ?? 60_000);
    for (const kind of ['push', 'pull by digest', 'pull by tag']) await load.seeOne(kind, deadline);
    load.ended.length = 0;
    load.run();
    return load;
  }

  /** What ended since the last lap, failures first; a new lap begins. */
  lap(): LoadReport {
    const [from, to] = [this.lapStart, Date.now()];
    this.lapStart = to;
    return reportOf(this.ended.splice(0), from, to);
  }

  /** Newest first; what is told of the loop while it runs. */
  acknowledged(): readonly Acknowledged[] {
    return this.pushed;
  }

  /** All that has ended in this lap. */
  soFar(): readonly Operation[] {
    return this.ended;
  }

  async stop(): Promise<LoadReport> {
    for (const timer of this.timers) clearInterval(timer);
    await Promise.all(this.underWay);
    return this.lap();
  }

  private async seeOne(kind: string, deadline: number): Promise<void> {
    for (;;) {
      await this.begin(kind);
      const { failure } = this.ended.at(-1)!;
      if (failure === undefined) return;
      if (Date.now() > deadline) throw new Error(`the loop never saw a ${kind} succeed: ${failure.message}`);
    }
  }

  private run(): void {
    const startedAt = Date.now();
    this.lapStart = startedAt;
    const kinds = ['push', 'pull by digest', 'pull by tag', 'pull by digest'];
    let due = 0;
    const interval = 1000 / this.options.perSecond;
    const tick = () => {
      for (; Date.now() - startedAt >= due * interval; due += 1) void this.begin(kinds[due % kinds.length]!);
    };
    this.timers.push(setInterval(tick, Math.min(20, interval)));
    for (const beside of this.options.beside ?? []) {
      this.timers.push(setInterval(() => this.beginBeside(beside), beside.everyMs));
    }
  }

  private begin(kind: string): Promise<void> {
    this.count += 1;
    const { addresses } = this.options;
    // All kinds meet all addresses, however many there are.
    const target = addresses[(this.count + Math.floor(this.count / 4)) % addresses.length]!;
    if (kind === 'push') {
      const image = freshImage(`${this.options.repository}/${this.count % repositories}`, `t${this.count}`);
      return this.track({ kind, target, image: nameOf(image) }, async () => {
        this.pushed.push(await push(target, image));
      });
    }
    const image = this.pushed[Math.floor(Math.random() * this.pushed.length)]!;
    const by = kind === 'pull by tag' ? 'tag' : 'digest';
    return this.track({ kind, target, image: nameOf(image) }, () => pull(target, image, by));
  }

  private beginBeside({ name, pull }: Beside): void {
    const image = this.pushed.at(-1)!;
    void this.track({ kind: 'pull beside', target: name, image: nameOf(image) }, () => pull(image));
  }

  /** An answer of 404 for what was acknowledged: which build-index knows the tag, at this moment. */
  private async whoHas(image: string): Promise<string> {
    const hosts = this.options.addresses.map((address) => address.replace(/:\d+$/, ''));
    const path = `/tags/${encodeURIComponent(image)}`;
    const said = hosts.map(async (host) => {
      const asked = ask(`${host}:8082`, { step: 'tag', method: 'GET', path, wanted: [200] });
      const status = await asked.then(
        () => 200,
        (error: StepFailure) => error.status,
      );
      return `${host} ${status}`;
    });
    return `; build-indexes then: ${(await Promise.all(said)).join(', ')}`;
  }

  private track(what: Pick<Operation, 'kind' | 'target' | 'image'>, work: () => Promise<unknown>): Promise<void> {
    const operation: Operation = { ...what, at: Date.now(), ms: 0 };
    const started = performance.now();
    const done = work()
      .catch(async (error: Error) => {
        operation.failure = error instanceof StepFailure ? error : new StepFailure('', 0, error.message);
        if (operation.failure.status === 404) operation.failure.message += await this.whoHas(what.image);
      })
      .then(() => {
        operation.ms = performance.now() - started;
        this.ended.push(operation);
        this.underWay.delete(done);
      });
    this.underWay.add(done);
    return done;
  }
}

const nameOf = ({ repository, tag }: { repository: string; tag: string }) => `${repository}:${tag}`;

/** Nearest rank: the smallest of the values that so many of them do not exceed. */
export function percentile(values: number[], percent: number): number {
  const sorted = [...values].sort((a, b) => a - b);
  return sorted[Math.max(0, Math.ceil((percent / 100) * sorted.length) - 1)] ?? 0;
}

export function reportOf(operations: Operation[], from: number, to: number): LoadReport {
  const failed = operations.filter((o) => o.failure !== undefined);
  const judged = operations.filter((o) => o.kind !== 'pull beside');
  const times = judged.map((o) => o.ms);
  const counts: Record<string, number> = {};
  for (const { kind } of operations) counts[kind] = (counts[kind] ?? 0) + 1;
  return {
    operations: operations.length,
    perSecond: round(judged.length / ((to - from) / 1000)),
    failed,
    wrongDigests: failed.filter((o) => o.failure!.owed !== undefined),
    times,
    p50Ms: round(percentile(times, 50)),
    p99Ms: round(percentile(times, 99)),
    slowest: [...judged].sort((a, b) => b.ms - a.ms).slice(0, 5),
    longestGapMs: round(longestGap(operations, from, to)),
    counts,
  };
}

const round = (value: number) => Math.round(value * 10) / 10;

/** Longest time without a success, from the beginning to the end. */
function longestGap(operations: Operation[], from: number, to: number): number {
  const ends = operations.filter((o) => o.failure === undefined).map((o) => o.at + o.ms);
  const points = [from, ...ends.sort((a, b) => a - b), to];
  return Math.max(...points.slice(1).map((point, index) => point - points[index]!));
}

/** For a person, and for the message of a failed expectation. */
export function tell(report: LoadReport): string {
  const { operations, perSecond, failed, wrongDigests, p50Ms, p99Ms, longestGapMs } = report;
  const lines = failed
    .slice(0, 10)
    .map((o) => `${new Date(o.at).toISOString()} ${o.kind} ${o.image} at ${o.target}: ${o.failure!.message}`);
  const head = `${operations} operations (${perSecond}/s), ${failed.length} failed, ${wrongDigests.length} wrong digests, p50 ${p50Ms} ms, p99 ${p99Ms} ms, longest gap ${longestGapMs} ms`;
  return [head, ...lines].join('\n');
}
