import { krakenctl, must, pidOf, temporalUp, until } from '../support/lab';
import { LabWorker } from '../support/lab-worker';
import { nextDeath } from './boundaries';

/** `kill` is the worker's; with `temporal` it is the server that dies, and the worker lives. */
export type Fault = 'kill' | 'temporal';

export interface FaultyDeploy {
  /** Of `krakenctl`; it must come back before the operation has ended. */
  argv: string[];
  /** Names the workers' files. */
  name: string;
  /** In this order, at moments of chance. */
  faults: Fault[];
  random: () => number;
  /** Moments that the same operation reaches without faults; a number where how far it has come is enough to know, and any moment near will do. */
  moments: string[] | number;
  /** While the operation runs: who approves, who looks. */
  beside?: (over: Promise<unknown>) => Promise<void>;
  withinMs?: number;
}

export interface FaultyEnd {
  /** Exit code of the operation, and what it said. */
  code: number;
  said: string;
  /** Boundaries at which a fault was made; those that did not come are void. */
  fired: string[];
  void: number;
  /** What the last worker reached: all of it, where there was no fault. */
  moments: string[];
}

interface Planned {
  fault: Fault;
  boundary: string;
  /** Index of its moment. */
  at: number;
}

/** An operation whose worker or whose Temporal dies at these moments, whatever it is at then. */
export async function deployThroughFaults(deploy: FaultyDeploy): Promise<FaultyEnd> {
  const life = new Life(deploy, plan(deploy));
  try {
    await life.startWorker(-1);
    await must(deploy.argv);
    const over = untilOver(deploy.withinMs ?? 400_000);
    const beside = deploy.beside?.(over);
    await life.run(over.then(() => undefined));
    await beside;
    return { ...(await over), ...life.told(), moments: life.moments() };
  } finally {
    await life.end();
  }
}

function plan({ faults, moments, random }: FaultyDeploy): Planned[] {
  if (typeof moments === 'number')
    return faults.map((fault, i) => near(fault, ((i + random()) / faults.length) * moments));
  const planned: Planned[] = [];
  if (moments.length === 0) return planned;
  for (const [index, fault] of faults.entries()) {
    const death = nextDeath(random, moments, { at: planned.at(-1)?.at ?? 0, left: faults.length - index });
    if (death) planned.push({ fault, boundary: death.boundary, at: death.at });
  }
  return planned;
}

const near = (fault: Fault, moment: number): Planned => ({
  fault,
  at: Math.ceil(moment),
  boundary: `near ${Math.ceil(moment)}`,
});

class Life {
  private readonly workers: LabWorker[] = [];
  private readonly fired: string[] = [];
  /** Moment from which the worker counts. */
  private from = -1;

  constructor(
    private readonly deploy: FaultyDeploy,
    private readonly planned: Planned[],
  ) {}

  private get worker(): LabWorker {
    return this.workers.at(-1)!;
  }

  async startWorker(from: number): Promise<void> {
    this.from = from;
    const { moments } = this.deploy;
    const next = this.planned.slice(this.fired.length).find(({ fault }) => fault !== 'temporal');
    const isArmed = next !== undefined && typeof moments !== 'number';
    const failpoints = isArmed ? `record,${failpointOf(next, moments, from)}` : 'record';
    this.workers.push(await LabWorker.start(failpoints, `${this.deploy.name}-${this.workers.length}`));
  }

  async run(over: Promise<void>): Promise<void> {
    for (const planned of this.planned) {
      const seen = await Promise.race([over.then(() => 'over'), this.faulted(planned)]);
      if (seen !== 'fired') break;
      this.fired.push(`${planned.fault} ${planned.boundary}`);
      await this.mendAfter(planned);
    }
    if (this.worker.ended) await this.startWorker(Number.POSITIVE_INFINITY);
  }

  /** The armed worker is dead; or, where Temporal is to die, the worker has come as far as that. */
  private faulted({ fault, at }: Planned): Promise<string> {
    const { worker } = this;
    return until(
      'the fault fires',
      async () => {
        const isThere = worker.lines().length >= at - this.from;
        if (fault === 'temporal') return isThere || worker.ended ? 'fired' : undefined;
        if (typeof this.deploy.moments !== 'number')
          return worker.ended ? (worker.fired ? 'fired' : 'broken') : undefined;
        if (worker.ended || !isThere) return worker.ended ? 'broken' : undefined;
        await worker.kill();
        return 'fired';
      },
      this.deploy.withinMs ?? 400_000,
    );
  }

  private async mendAfter({ fault, at }: Planned): Promise<void> {
    if (fault === 'temporal') {
      process.kill(pidOf('temporal'), 'SIGKILL');
      return temporalUp();
    }
    await this.startWorker(at);
  }

  told(): { fired: string[]; void: number } {
    return { fired: this.fired, void: this.planned.length - this.fired.length };
  }

  moments(): string[] {
    return this.worker.lines();
  }

  async end(): Promise<void> {
    for (const worker of this.workers) await worker.kill();
  }
}

/** A worker counts its own moments: so many of this kind lie between where it begins and where it ends. */
function failpointOf({ fault, boundary, at }: Planned, moments: string[], from: number): string {
  const nth = moments.slice(Math.min(from, at - 1) + 1, at + 1).filter((moment) => moment === boundary).length;
  return `${boundary}#${nth}=${fault}`;
}

/** How the operation ended, through restarts of Temporal. */
async function untilOver(withinMs: number): Promise<{ code: number; said: string }> {
  return until(
    'the operation ends',
    async () => {
      const { code, stdout, stderr } = await krakenctl(['op', 'attach'], { timeoutMs: withinMs });
      return code === 7 ? undefined : { code, said: `${stdout}${stderr}` };
    },
    withinMs,
  );
}
