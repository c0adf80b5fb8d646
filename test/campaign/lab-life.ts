import { expectWhole, idsOf, touchprint } from '../support/end-state';
import { freshLab, krakenctl, labName, writeEnv } from '../support/lab';
import { LabWorker } from '../support/lab-worker';
import { onHost, pullTiny, pushTiny } from '../support/observer';
import type { Tally } from './modelled';
import { deployThroughFaults, type Fault as FaultInTurn } from './through-faults';
import { deployThroughFreezes } from './through-freezes';

/** In turn, one after the other; or of several workers at once, which freeze. */
export type Fault = FaultInTurn | 'freeze';

/** The lab half of the campaigns: real hosts, engines, sshd and Redis; the observer judges. */
export interface LabLife {
  seed: number;
  random: () => number;
  fault: Fault;
  faultsPerDeploy: number;
  tally: Tally;
  /** Moments of each deploy of a life without faults. */
  moments?: string[][];
  say: (text: string) => void;
}

const phases = ['fresh', 'version', 'mend'] as const;
type Phase = (typeof phases)[number];

/** One life of a cluster; resolves with the moments that its deploys reached. */
export async function liveInLab(life: LabLife): Promise<string[][]> {
  const lab = await freshLab();
  const hosts = Object.fromEntries(
    lab.hosts.filter((h) => h.name.startsWith('node-')).map((h) => [h.name, h.container]),
  );
  const node = (n: number) => hosts[`node-${n}`]!;
  const note = (phase: Phase, what: string) => {
    life.tally.violations.push(`seed ${life.seed} ${phase}: ${what}`);
    life.say(`VIOLATION seed ${life.seed} ${phase}: ${what}`);
  };
  const moments: string[][] = [];
  let pushed: string | undefined;
  for (const [index, phase] of phases.entries()) {
    if (phase === 'version') writeEnv(lab, { KRAKEN_VERSION: 'v0.1.26' });
    if (phase === 'mend') await breakSome(hosts, life.random);
    const since = Math.floor(Date.now() / 1000);
    const ids = await idsOf(hosts);
    life.tally.runs += 1;
    moments.push(await deployOnce(life, `${life.seed}-${phase}`, life.moments?.[index] ?? []));
    await expectWhole(hosts, labName).catch((error: Error) => note(phase, `I5 ${error.message.slice(0, 300)}`));
    for (const twice of await createdTwice(hosts, since)) note(phase, `I3 ${twice}`);
    if (phase === 'mend')
      for (const id of await replaced(hosts, ids)) note(phase, `I3 ${id} was replaced while mending`);
    // What does not end whole ends this life: what comes after it would say nothing new.
    if (life.tally.violations.length > 0) return moments;
    if (phase === 'fresh') pushed = await pushTiny(node(1), '127.0.0.1:5000/campaign/kept:1', `kept ${life.seed}`);
    else {
      const text = await pullTiny(node(2), '127.0.0.1:5000/campaign/kept', pushed!).catch(
        (error: Error) => error.message,
      );
      if (text !== `kept ${life.seed}`)
        note(phase, `I1 an image that was acknowledged came back as ${text.slice(0, 200)}`);
    }
    for (const what of await changesAgain(hosts)) note(phase, `I6 ${what}`);
    life.say(`seed ${life.seed} ${phase}: ${life.tally.fired} faults, ${life.tally.violations.length} violations`);
  }
  return moments;
}

/** Resolves with the moments that the deploy reached. */
async function deployOnce(life: LabLife, name: string, moments: string[]): Promise<string[]> {
  const { tally, fault, random, faultsPerDeploy } = life;
  const deploy = { argv: ['deploy', '--yes', '--detach'], name, random, moments };
  const end =
    fault === 'freeze'
      ? await deployThroughFreezes({ ...deploy, freezes: faultsPerDeploy, workflowId: `kraken-${labName}-operation` })
      : await deployThroughFaults({
          ...deploy,
          faults: moments.length > 0 ? Array.from({ length: faultsPerDeploy }, () => fault) : [],
        });
  tally.fired += end.fired.length;
  tally.void += end.void;
  for (const boundary of end.fired.map((line) => line.split(' ')[1]!))
    tally.byBoundary[boundary] = (tally.byBoundary[boundary] ?? 0) + 1;
  if (end.code !== 0) {
    tally.violations.push(
      `seed ${life.seed} ${name}: the deploy ended with exit code ${end.code}: ${end.said.slice(-600)}`,
    );
    life.say(tally.violations.at(-1)!);
  }
  return end.moments;
}

async function breakSome(hosts: Record<string, string>, random: () => number): Promise<void> {
  for (const [id, host] of Object.entries(hosts)) {
    for (const part of ['proxy', 'tracker', 'build-index', 'nginx'].filter(() => random() < 0.5)) {
      const name = `kraken-${labName}-${id}-${part}`;
      await onHost(host, random() < 0.5 ? ['docker', 'rm', '-f', name] : ['docker', 'stop', '-t', '2', name]);
    }
  }
}

/** What was there before and has another id now. */
async function replaced(hosts: Record<string, string>, before: Record<string, string>): Promise<string[]> {
  const now = await idsOf(hosts);
  return Object.keys(before).filter((name) => now[name] !== before[name]);
}

/** By the engines' own events. */
async function createdTwice(hosts: Record<string, string>, since: number): Promise<string[]> {
  const counts = new Map<string, number>();
  for (const host of Object.values(hosts)) {
    const span = ['--since', String(since), '--until', String(Math.floor(Date.now() / 1000) + 1)];
    const only = ['--filter', 'event=create', '--filter', 'type=container', '--format', '{{.Actor.Attributes.name}}'];
    const names = (await onHost(host, ['docker', 'events', ...span, ...only]))
      .split('\n')
      .filter((n) => n.startsWith('kraken-'));
    for (const name of names) counts.set(name, (counts.get(name) ?? 0) + 1);
  }
  return [...counts].filter(([, n]) => n > 1).map(([name, n]) => `${name} was created ${n} times`);
}

async function changesAgain(hosts: Record<string, string>): Promise<string[]> {
  const before = await touchprint(hosts, labName);
  const worker = await LabWorker.start('', 'again');
  try {
    const run = await krakenctl(['deploy', '--yes']);
    if (run.code !== 0) return [`the second deploy exited ${run.code}: ${run.stderr.slice(-300)}`];
  } finally {
    await worker.kill();
  }
  return (await touchprint(hosts, labName)) === before ? [] : ['the second deploy changed something'];
}
