import { krakenctl, must, versions } from '../support/lab';
import { type LoadReport, percentile, tell } from '../support/load';
import { slowAsks } from '../support/load-request';
import {
  cancelInTheMiddle,
  changeSetting,
  changeVersion,
  expectUnnoticed,
  fast,
  losePower,
  pauseAndApprove,
  rollBack,
  terminateInTheMiddle,
} from '../support/rollout-scenarios';
import type { RolloutStage, Told } from '../support/rollout-stage';
import { chance } from './chance';
import { deployThroughFaults } from './through-faults';

export interface Campaign {
  stage: RolloutStage;
  seed: number;
  stop: AbortSignal;
  say: (text: string) => void;
}

export interface Outcome {
  runs: number;
  void: number;
  fired: number;
  violations: string[];
  measured: Record<string, unknown>;
  ratios: Record<string, number>;
  targets: Record<string, { min?: number; max?: number }>;
}

const emptyOutcome = (): Outcome => ({
  runs: 0,
  void: 0,
  fired: 0,
  violations: [],
  measured: {},
  ratios: {},
  targets: { violations: { max: 0 } },
});

const other = (stage: RolloutStage) => (stage.value('KRAKEN_VERSION') === versions[1] ? versions[0]! : versions[1]!);

/** Each of these changes something while the loop runs; the number makes it another value than before. */
const changes: { name: string; change: (stage: RolloutStage, n: number) => Promise<Told> }[] = [
  { name: 'version', change: (stage) => changeVersion(stage, other(stage)) },
  { name: 'redis', change: (stage, n) => changeSetting(stage, { REDIS_MAXMEMORY: `${200 + n}m` }) },
  { name: 'version back', change: (stage) => changeVersion(stage, other(stage)) },
  { name: 'load balancer', change: (stage, n) => changeSetting(stage, { NGINX_KEEPALIVE_TIMEOUT: `${50 + n}s` }) },
  { name: 'memory', change: (stage, n) => changeSetting(stage, { TRACKER_MEMORY_LIMIT: `${300 + n}m` }) },
];

/** Until so many operations ran during changes. */
async function load({ stage, stop, say }: Campaign, wanted: number): Promise<Outcome> {
  const outcome = emptyOutcome();
  const seen: LoadReport[] = [];
  const quiet: LoadReport[] = [];
  const seconds: Record<string, number[]> = {};
  const count = () => seen.reduce((sum, report) => sum + report.operations, 0);
  for (let n = 0; count() < wanted && !stop.aborted && outcome.violations.length === 0; n += 1) {
    const { name, change } = changes[n % changes.length]!;
    quiet.push(await stage.quiet(100));
    say(`quiet: ${tell(quiet.at(-1)!)}`);
    saySlowest(quiet.at(-1)!, say);
    outcome.runs += 1;
    try {
      const told = await change(stage, n);
      seen.push(told.load);
      seconds[name] = [...(seconds[name] ?? []), told.seconds];
      say(`${name}: ${told.seconds} s, ${tell(told.load)}`);
      saySlowest(told.load, say);
    } catch (error) {
      outcome.violations.push(`${name}: ${(error as Error).message.slice(0, 3000)}`);
    }
  }
  const worst = (reports: LoadReport[], of: (report: LoadReport) => number) => Math.max(0, ...reports.map(of));
  const together = (reports: LoadReport[]) =>
    Math.round(
      percentile(
        reports.flatMap((r) => r.times),
        99,
      ),
    );
  return {
    ...outcome,
    measured: {
      operations: count(),
      failed: seen.reduce((sum, report) => sum + report.failed.length, 0),
      quiet_operations: quiet.reduce((sum, report) => sum + report.operations, 0),
      quiet_failed: quiet.reduce((sum, report) => sum + report.failed.length, 0),
      p99_ms: together(seen),
      quiet_p99_ms: together(quiet),
      longest_gap_ms: worst(seen, (r) => r.longestGapMs),
      slowest_change_p99_ms: worst(seen, (r) => r.p99Ms),
      seconds,
    },
    ratios: { p99_by_quiet: Math.round((together(seen) / together(quiet)) * 100) / 100, operations: count() },
    targets: { violations: { max: 0 }, p99_by_quiet: { max: 2 }, operations: { min: wanted } },
  };
}

function saySlowest({ slowest }: LoadReport, say: Campaign['say']): void {
  for (const { kind, target, image, at, ms } of slowest)
    say(`  ${new Date(at).toISOString()} ${Math.round(ms)} ms ${kind} ${image} at ${target}`);
  for (const { at, ms, step, address } of slowAsks.splice(0))
    say(`    ${new Date(at).toISOString()} ${ms} ms ${step} at ${address}`);
}

const deathsPerRollout = 5;

/** Rollouts whose worker, or whose Temporal, dies at moments of chance, until so many deaths were made. */
async function faults(
  { stage, seed, stop, say }: Campaign,
  fault: 'kill' | 'temporal',
  wanted: number,
): Promise<Outcome> {
  const outcome = emptyOutcome();
  const random = chance(seed);
  const byBoundary: Record<string, number> = {};
  let operations = 0;
  await must(['worker', 'stop']);
  say('one rollout without faults, to know which moments there are');
  let moments: string[] = [];
  while (outcome.fired < wanted && !stop.aborted && outcome.violations.length === 0) {
    stage.set({ KRAKEN_VERSION: other(stage) });
    stage.begin();
    const argv = ['deploy', '--yes', '--detach', ...fast];
    const planned = Array.from({ length: moments.length > 0 ? deathsPerRollout : 0 }, () => fault);
    outcome.runs += 1;
    try {
      const name = `rollout-${seed}-${outcome.runs}`;
      const end = await deployThroughFaults({ argv, name, faults: planned, random, moments });
      const told = stage.told();
      if (moments.length === 0) moments = end.moments;
      outcome.fired += end.fired.length;
      outcome.void += end.void;
      operations += told.load.operations;
      for (const line of end.fired) byBoundary[line] = (byBoundary[line] ?? 0) + 1;
      say(`${end.fired.join(', ') || 'no fault'}: ${told.seconds} s, ${tell(told.load)}`);
      if (end.code !== 0) throw new Error(`exit ${end.code}: ${end.said.slice(-3000)}`);
      expectUnnoticed(told);
      expect(told.judgement.order).toEqual(stage.nodes);
      await stage.expectSettled();
    } catch (error) {
      outcome.violations.push(`rollout ${outcome.runs}: ${(error as Error).message.slice(0, 3000)}`);
    }
  }
  await krakenctl(['worker', 'start']);
  return { ...outcome, measured: { operations, moments: moments.length, byBoundary } };
}

const scenarioList: Record<string, (stage: RolloutStage) => Promise<Told>> = {
  'never ready': (stage) => rollBack(stage, { version: 'v0.1.28-unready-origin', says: /origin on node-1 not ready/ }),
  'dies at once': (stage) => rollBack(stage, { version: 'v0.1.28-rc1', says: /origin on node-1 .*invalid TLS config/ }),
  'crashes after a minute': (stage) =>
    rollBack(stage, {
      version: 'v0.1.28-crash60-proxy',
      flags: ['--bake', '90s'],
      says: /proxy on node-1 exited/,
      mayFail: true,
    }),
  'wrong proxy': (stage) => rollBack(stage, { version: 'v0.1.28-wrong-proxy', says: /canary.*proxy/ }),
  'wrong origin': (stage) =>
    rollBack(stage, { version: 'v0.1.28-wrong-origin', says: /canary.*origin/, mayFail: true }),
  // Every part answers the canary; agents alone find out.
  'mute origin': (stage) => rollBack(stage, { version: 'v0.1.28-mute-origin', says: /gate agent: origin of node-1/ }),
  'wrong tracker': (stage) =>
    rollBack(stage, { version: 'v0.1.28-wrong-tracker', says: /canary.*tracker/, mayFail: true }),
  'power cut': (stage) => losePower(stage, other(stage)),
  'paused for a minute': (stage) => pauseAndApprove(stage, other(stage), 60_000),
  cancelled: (stage) => cancelInTheMiddle(stage, other(stage)),
  terminated: (stage) => terminateInTheMiddle(stage, other(stage)),
};

/** `all`, or names separated by commas. What one of them breaks ends the run: the next would judge that. */
async function scenarios({ stage, stop, say }: Campaign, wanted: string): Promise<Outcome> {
  const names = wanted === 'all' ? Object.keys(scenarioList) : wanted.split(',');
  const unknown = names.filter((name) => !(name in scenarioList));
  if (unknown.length > 0)
    throw new Error(`--scenario ${unknown.join()}: expected all or some of ${Object.keys(scenarioList).join()}`);
  const outcome = emptyOutcome();
  for (const name of names) {
    if (stop.aborted || outcome.violations.length > 0) break;
    outcome.runs += 1;
    try {
      const told = await scenarioList[name]!(stage);
      outcome.fired += 1;
      const { operations, failed, wrongDigests, p99Ms, longestGapMs } = told.load;
      const counts = { operations, failed: failed.length, wrong: wrongDigests.length, p99Ms, longestGapMs };
      outcome.measured[name] = { seconds: told.seconds, ...counts };
      say(`${name}: ${told.seconds} s, ${tell(told.load)}`);
    } catch (error) {
      outcome.violations.push(`${name}: ${(error as Error).message.slice(0, 3000)}`);
    }
  }
  return outcome;
}

export const modes = { load, faults, scenarios };
