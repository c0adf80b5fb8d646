import { execFileSync } from 'node:child_process';
import { appendFileSync, mkdirSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import type { Fault } from './lab-life';

/**
 * `npm run campaign:crash -- [--lab] [--fault kill|freeze|temporal] --faults N --seed S [--record]`; the last line is JSON (decisions 29). Without
 * `--lab` the hosts are in memory, and the fault is the worker's death; there `--at-least N [--with COMMIT,COMMIT]` ends when each boundary had N deaths, those
 * of the runs that are recorded for these commits counted. `--run-events N`: deploys go on in a further run after so many events.
 */
function argumentOf(name: string): string | undefined {
  const at = process.argv.indexOf(`--${name}`);
  return at < 0 ? undefined : process.argv[at + 1];
}

function numberOf(name: string, fallback: number): number {
  const value = Number(argumentOf(name) ?? fallback);
  if (!Number.isInteger(value) || value < 0) throw new Error(`--${name} ${argumentOf(name)}: expected a whole number`);
  return value;
}

const stopping = new AbortController();
process.once('SIGTERM', () => stopping.abort());
process.once('SIGINT', () => stopping.abort());

const say = (text: string) => console.error(text);

async function run(fault: Fault, firstSeed: number) {
  const faults = numberOf('faults', 20);
  const stop = stopping.signal;
  if (process.argv.includes('--lab')) {
    const { runInLab } = require('./lab') as typeof import('./lab');
    return runInLab({ fault, faults, firstSeed, faultsPerDeploy: numberOf('per-deploy', 6), stop, say });
  }
  if (fault !== 'kill') throw new Error(`--fault ${fault}: expected --lab with it`);
  const { runModelled } = require('./modelled') as typeof import('./modelled');
  const slots = numberOf('slots', 6);
  const atLeast = numberOf('at-least', 0);
  const rare = atLeast > 0 ? { atLeast, before: recordedDeaths((argumentOf('with') ?? '').split(',')) } : undefined;
  const killsPerDeploy = numberOf('per-deploy', 6);
  const events = numberOf('run-events', 0);
  const runBounds = events > 0 ? { events, bytes: 4_000_000 } : undefined;
  return runModelled({ crashes: faults, firstSeed, slots, killsPerDeploy, rare, runBounds, stop, say });
}

const evidence = join(__dirname, '..', '..', 'docs', 'evidence', 'campaign-crash.jsonl');

/** By boundary, of the modelled runs of these commits. */
function recordedDeaths(commits: string[]): Record<string, number> {
  const sums: Record<string, number> = {};
  for (const text of readFileSync(evidence, 'utf8').split('\n').filter(Boolean)) {
    const line = JSON.parse(text) as { name: string; commit: string; measured: Record<string, number> };
    if (line.name !== 'campaign:crash modelled kill' || !commits.includes(line.commit)) continue;
    for (const [boundary, count] of Object.entries(line.measured)) sums[boundary] = (sums[boundary] ?? 0) + count;
  }
  return sums;
}

async function main(): Promise<void> {
  const fault = (argumentOf('fault') ?? 'kill') as Fault;
  if (!['kill', 'freeze', 'temporal'].includes(fault))
    throw new Error(`--fault ${fault}: expected kill, freeze or temporal`);
  const where = process.argv.includes('--lab') ? 'lab' : 'modelled';
  const firstSeed = numberOf('seed', Math.floor(Date.now() / 1000) % 1_000_000);
  say(
    `seed ${firstSeed}; the same again: npm run campaign:crash -- ${process.argv.slice(2).join(' ')} --seed ${firstSeed}`,
  );
  const { violations, byBoundary, seeds, ...counts } = await run(fault, firstSeed);
  for (const violation of violations) say(`VIOLATION ${violation}`);
  const line = JSON.stringify({
    name: `campaign:crash ${where} ${fault}`,
    commit: execFileSync('git', ['rev-parse', '--short', 'HEAD']).toString().trim(),
    images: process.env.KRAKEN_IMAGES === 'real' ? 'real' : 'stand-in',
    ...counts,
    ...(numberOf('run-events', 0) > 0 && { runEvents: numberOf('run-events', 0) }),
    violations: violations.length,
    boundaries: Object.keys(byBoundary).length,
    measured: byBoundary,
    seeds: [seeds[0], seeds.at(-1)],
    ratios: {},
    targets: { violations: { max: 0 } },
    met: violations.length === 0,
  });
  if (process.argv.includes('--record')) {
    mkdirSync(dirname(evidence), { recursive: true });
    appendFileSync(evidence, `${line}\n`);
  }
  console.log(line);
  process.exit(violations.length === 0 ? 0 : 1);
}

void main().catch((error) => {
  console.error(error);
  process.exit(1);
});
