import { type ChildProcess, fork } from 'node:child_process';
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Client, Connection } from '@temporalio/client';
import { TestWorkflowEnvironment } from '@temporalio/testing';
import { bundleWorkflowCode, DefaultLogger, Runtime } from '@temporalio/worker';
import { temporalServerBinary } from '../../src/cli/temporal-server';
import type { DestroyPlan } from '../../src/cluster/destroy-plan';
import {
  type DeployInput,
  type DeployReport,
  type DestroyChoice,
  type DestroyInput,
  type DestroyReport,
  defaultRollout,
  type RunBounds,
} from '../../src/contracts/operation';
import { searchAttributes, taskQueues } from '../../src/contracts/queues';
import { exampleSpec } from '../support/cluster';
import { MemoryLab } from '../support/memory-hosts';
import { nextDeath } from './boundaries';
import { chance } from './chance';
import { createdTwice, idsOf, stateOf } from './modelled-state';
import { serveHosts } from './remote-hosts';

/** The modelled half of `campaign:crash`: real Temporal, real worker processes that are killed, hosts in memory. */
export interface Tally {
  runs: number;
  void: number;
  fired: number;
  violations: string[];
  byBoundary: Record<string, number>;
}

export interface Campaign {
  /** Crashes to make. */
  crashes: number;
  firstSeed: number;
  /** Ends the campaign early, with what it has, when the lives under way are over. */
  stop: AbortSignal;
  /** Deploys side by side. */
  slots: number;
  killsPerDeploy: number;
  /** So many deaths at each boundary, those of earlier runs counted: it ends when all have them. */
  rare?: { atLeast: number; before: Record<string, number> };
  /** Deploys of one life, in order; all by default. */
  phases?: readonly Phase[];
  /** So small that a deploy goes on in further runs; the usual ones by default. */
  runBounds?: RunBounds;
  say: (text: string) => void;
}

export const emptyTally = (): Tally => ({ runs: 0, void: 0, fired: 0, violations: [], byBoundary: {} });

export const phases = ['fresh', 'version', 'mend', 'destroy'] as const;
type Phase = (typeof phases)[number];
/** No deploy on hosts in memory takes this long, with all its deaths. */
const deployWithinMs = 300_000;

export async function runModelled(campaign: Campaign): Promise<Tally & { seeds: number[] }> {
  const stage = await openStage(campaign.slots);
  const tally = emptyTally();
  const seeds: number[] = [];
  const { rare } = campaign;
  const lacks = rare && ((boundary: string) => firedAt(boundary, tally, rare.before) < rare.atLeast);
  const { say, runBounds } = campaign;
  const shared = { say, phases: campaign.phases ?? phases, lacks, runBounds };
  try {
    campaign.say('one life without deaths, to know what is wanted and which moments there are');
    const reference = await stage.life({
      namespace: 's0',
      seed: 0,
      kills: 0,
      tally: emptyTally(),
      phases: shared.phases,
      runBounds,
    });
    campaign.say(`${reference.map((r) => r.moments.length).join(', ')} moments in its deploys`);
    let next = campaign.firstSeed;
    const known = [...new Set(reference.flatMap((r) => r.moments))];
    const isDone = () => (lacks && !known.some(lacks)) || tally.fired >= campaign.crashes;
    const work = async (slot: number) => {
      while (!isDone() && !campaign.stop.aborted) {
        const seed = next++;
        seeds.push(seed);
        await stage.life({
          namespace: `s${slot}`,
          seed,
          kills: campaign.killsPerDeploy,
          tally,
          reference,
          ...shared,
        });
      }
    };
    await Promise.all(Array.from({ length: campaign.slots }, (_, slot) => work(slot)));
    if (lacks)
      campaign.say(`boundaries with fewer than ${rare.atLeast} deaths: ${known.filter(lacks).join(', ') || 'none'}`);
  } finally {
    await stage.close();
  }
  return { ...tally, seeds };
}

const firedAt = (boundary: string, { byBoundary }: Tally, before: Record<string, number> = {}) =>
  (byBoundary[boundary] ?? 0) + (before[boundary] ?? 0);

interface Life {
  namespace: string;
  seed: number;
  kills: number;
  tally: Tally;
  reference?: Lived[];
  lacks?: (boundary: string) => boolean;
  phases: readonly Phase[];
  runBounds?: RunBounds;
  say?: (text: string) => void;
}

interface Lived {
  state: Record<string, unknown>;
  /** Points that the deploy reached, in order. */
  moments: string[];
}

async function openStage(slots: number) {
  Runtime.install({ logger: new DefaultLogger('ERROR') });
  const folder = mkdtempSync(join(tmpdir(), 'krakenctl-campaign-'));
  const bundle = await bundleWorkflowCode({
    workflowsPath: require.resolve('../../src/workflows'),
    logger: new DefaultLogger('ERROR'),
  });
  const codePath = join(folder, 'workflow-bundle.js');
  writeFileSync(codePath, bundle.code);
  const namespaces = Array.from({ length: slots }, (_, slot) => `s${slot}`);
  const environment = await TestWorkflowEnvironment.createLocal({
    server: {
      executable: { type: 'existing-path', path: await temporalServerBinary() },
      ui: false,
      extraArgs: [
        ...namespaces.flatMap((name) => ['--namespace', name]),
        ...Object.values(searchAttributes).flatMap((name) => ['--search-attribute', `${name}=Keyword`]),
      ],
    },
  });
  const connection = await Connection.connect({ address: environment.address });
  const at = { folder, codePath, address: environment.address };
  return {
    life: (life: Life) => live(life, { ...at, client: new Client({ connection, namespace: life.namespace }) }),
    async close() {
      await connection.close();
      await environment.teardown();
      rmSync(folder, { recursive: true, force: true });
    },
  };
}

interface Stage {
  folder: string;
  codePath: string;
  address: string;
  client: Client;
}

/** Fresh hosts, then a change of version, a mend of what was broken, and the end of the cluster; each with its deaths, each judged. */
async function live(life: Life, stage: Stage): Promise<Lived[]> {
  const random = chance(life.seed);
  const lab = new MemoryLab();
  const lived: Lived[] = [];
  const workers = new Workers(life, stage, lab);
  try {
    for (const [index, phase] of life.phases.entries()) {
      if (phase === 'mend') breakSome(lab, random);
      const before = { journal: lab.journal.length, ids: idsOf(lab) };
      const wanted = life.reference?.[index];
      await deployThroughDeaths({ life, stage, lab, phase, random, workers }, wanted?.moments ?? []);
      const state = stateOf(lab);
      lived.push({ state, moments: life.reference ? [] : workers.moments() });
      const note = (what: string) => life.tally.violations.push(`seed ${life.seed} ${phase}: ${what}`);
      judge({ lab, before, phase, state, wanted: wanted?.state, note });
      await judgeAgain({ life, stage, lab, phase, random, workers }, note);
      life.say?.(`seed ${life.seed} ${phase}: ${life.tally.fired} crashes, ${life.tally.violations.length} violations`);
    }
  } finally {
    workers.end();
  }
  return lived;
}

interface Deploy {
  life: Life;
  stage: Stage;
  lab: MemoryLab;
  phase: Phase;
  random: () => number;
  workers: Workers;
}

const owner = { temporal: 'campaign', namespace: 'campaign' };

async function start(deploy: Deploy, again = '') {
  const { life, stage, phase } = deploy;
  const spec = exampleSpec((it) => {
    if (phase !== 'fresh') it.images.version = 'v0.1.28';
  });
  const verb = phase === 'destroy' ? ('destroy' as const) : ('deploy' as const);
  const operation = { id: `20261123-000000-${verb}-${life.seed}${phase}${again}`, verb, actor: 'ana@ops-1' };
  const workflowId = `life-${life.seed}-${phase}${again}`;
  const begin = (type: string, input: DeployInput | DestroyInput) =>
    stage.client.workflow.start(type, { taskQueue: taskQueues.main, workflowId, args: [input] });
  if (verb === 'destroy') {
    const choice: DestroyChoice = { spec, keepData: false, skipUnreachable: false };
    return begin('destroyCluster', { ...choice, operation, owner, planHash: (await remainsOf(deploy, choice)).hash });
  }
  return begin('deployCluster', {
    ...{ operation, spec, origins: {}, owner },
    // Watching would only take time. What dies here is the worker: nothing may go back.
    policy: { ...defaultRollout, bakeMs: 0 },
    ...(life.runBounds && { runBounds: life.runBounds }),
  });
}

/** As a person looks before it is confirmed; the worker of the phase before is there for that. */
function remainsOf({ life, stage }: Deploy, choice: DestroyChoice): Promise<DestroyPlan> {
  const options = { taskQueue: taskQueues.main, workflowId: `remains-${life.seed}`, args: [choice] };
  return stage.client.workflow.execute('inspectRemains', options) as Promise<DestroyPlan>;
}

async function deployThroughDeaths(deploy: Deploy, moments: string[]): Promise<void> {
  const { life, phase, random, workers } = deploy;
  const { tally } = life;
  tally.runs += 1;
  const handle = await start(deploy);
  let isOver = false;
  const over = handle.result().then(
    () => undefined,
    (error: Error) => error,
  );
  void over.then(() => {
    isOver = true;
  });
  let at = 0;
  const had = new Set<string>();
  const lacks = life.lacks && ((boundary: string) => !had.has(boundary) && life.lacks!(boundary));
  for (let kill = 0; kill < life.kills && !isOver; kill += 1) {
    const death = nextDeath(random, moments, { at, left: life.kills - kill, lacks });
    if (!death) break;
    had.add(death.boundary);
    const { died } = await workers.next(death.failpoint);
    const first = await Promise.race([over.then(() => 'over'), died.then((fired) => (fired ? 'fired' : 'broken'))]);
    if (first === 'broken') throw new Error(`seed ${life.seed}: a worker ended without its fault`);
    if (first === 'fired') {
      at = death.at;
      tally.fired += 1;
      tally.byBoundary[death.boundary] = (tally.byBoundary[death.boundary] ?? 0) + 1;
    } else tally.void += 1;
  }
  await workers.next(life.reference ? '' : 'record');
  const limit = new Promise<Error>((resolve) => {
    setTimeout(() => resolve(new Error('it did not end')), deployWithinMs).unref();
  });
  const failure = await Promise.race([over, limit]);
  if (failure) tally.violations.push(`seed ${life.seed} ${phase}: it failed: ${failure.cause ?? failure.message}`);
}

interface Judgement {
  lab: MemoryLab;
  before: { journal: number; ids: Record<string, string> };
  phase: Phase;
  state: Record<string, unknown>;
  wanted?: Record<string, unknown>;
  note: (what: string) => void;
}

function judge({ lab, before, phase, state, wanted, note }: Judgement): void {
  for (const twice of createdTwice(lab.journal.slice(before.journal))) note(`I3 ${twice}`);
  if (wanted && JSON.stringify(state) !== JSON.stringify(wanted))
    note(`I5 another end state: ${firstDifference(state, wanted)}`);
  if (phase === 'destroy')
    for (const [host, { containers, files }] of Object.entries(state as Record<string, Record<string, unknown[]>>))
      if (containers!.length + files!.length > 0) note(`I5 ${host} has ${containers!.length} containers left`);
  if (phase !== 'mend') return;
  const now = idsOf(lab);
  const touched = new Set(lab.journal.slice(before.journal).filter((l) => / remove /.test(l)));
  for (const line of touched) note(`I3 removed while mending: ${line}`);
  for (const [name, id] of Object.entries(before.ids))
    if (now[name] !== id) note(`I3 ${name} was replaced while mending`);
}

/** I6: the same deploy once more changes nothing. */
async function judgeAgain(deploy: Deploy, note: (what: string) => void): Promise<void> {
  const { lab } = deploy;
  const effects = lab.journal.length;
  const report = (await (await start(deploy, '-again')).result()) as DeployReport | DestroyReport;
  if (report.changed || lab.journal.length !== effects)
    note(`I6 changed again: ${lab.journal.slice(effects, effects + 3)}`);
}

/** The same for every seed but in what is broken: containers gone, files changed. Never the master of a Redis. */
function breakSome(lab: MemoryLab, random: () => number): void {
  const parts = ['proxy', 'tracker', 'origin', 'build-index', 'nginx', 'testfs'];
  for (const machine of lab.machines.values()) {
    for (const part of parts.filter(() => random() < 0.4)) {
      const found = machine.part(part);
      if (found && random() < 0.5) machine.containers.delete(found.id);
      else if (found) found.state = 'exited';
    }
  }
}

function firstDifference(a: unknown, b: unknown, path = ''): string {
  if (typeof a !== 'object' || typeof b !== 'object' || !a || !b) {
    return JSON.stringify(a) === JSON.stringify(b)
      ? ''
      : `${path}: ${JSON.stringify(a)} instead of ${JSON.stringify(b)}`;
  }
  for (const key of new Set([...Object.keys(a), ...Object.keys(b)])) {
    const found = firstDifference((a as never)[key], (b as never)[key], `${path}/${key}`);
    if (found) return found.slice(0, 300);
  }
  return '';
}

/** One worker process at a time; the next is being started while this one works. */
class Workers {
  private current?: ChildProcess;
  private count = 0;
  private log = '';

  constructor(
    private readonly life: Life,
    private readonly stage: Stage,
    private readonly lab: MemoryLab,
  ) {}

  /** Resolves when the next worker polls, with a promise of how it dies: by its fault (true) or otherwise. */
  async next(failpoint: string): Promise<{ died: Promise<boolean> }> {
    this.end();
    this.count += 1;
    const log = join(this.stage.folder, `${this.life.namespace}-${this.life.seed}-${this.count}`);
    this.log = log;
    const child = fork(join(__dirname, 'modelled-worker.ts'), {
      execArgv: ['-r', join(__dirname, 'register.cjs')],
      serialization: 'advanced',
      stdio: ['ignore', 'inherit', 'inherit', 'ipc'],
      env: {
        ...process.env,
        CAMPAIGN_TEMPORAL: this.stage.address,
        CAMPAIGN_NAMESPACE: this.life.namespace,
        CAMPAIGN_BUNDLE: this.stage.codePath,
        KRAKENCTL_FAILPOINTS: failpoint,
        KRAKENCTL_FAILPOINT_LOG: log,
      },
    });
    this.current = child;
    const gone = new Promise<boolean>((resolve) => {
      // After the last of its messages: what it sent before it died has happened.
      child.once('disconnect', () => resolve(existsSync(log) && readFileSync(log, 'utf8').includes('=kill')));
    });
    const ready = new Promise<void>((resolve) => {
      child.on('message', (message) => message === 'ready' && resolve());
    });
    serveHosts(child, () => this.lab);
    await Promise.race([ready, gone]);
    if (child.connected) child.send('go', () => undefined);
    return { died: gone };
  }

  /** What the worker of now has reached. */
  moments(): string[] {
    return existsSync(this.log) ? readFileSync(this.log, 'utf8').split('\n').filter(Boolean) : [];
  }

  end(): void {
    this.current?.kill('SIGKILL');
    this.current = undefined;
  }
}
