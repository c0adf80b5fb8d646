import { execFileSync } from 'node:child_process';
import { appendFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect } from 'expect';
import { closeLab, onRealKraken, openLab } from '../support/lab';
import { RolloutStage } from '../support/rollout-stage';
import { type Campaign, modes, type Outcome } from './rollout-modes';

// What must hold is written with jest's words.
Object.assign(globalThis, { expect });

/**
 * `npm run campaign:rollout -- [--operations 3000] [--seed S] [--record]`: rollouts back and forth, and settings changed, under the loop.
 * `--per-second 6`: how often the loop begins an operation. `--fault kill|temporal --faults 30`: the worker or Temporal dies at moments of chance. `--scenario all` or names of them, separated by
 * commas: versions that are bad, a power cut, a pause, a cancel, a terminate. The last line is JSON; SIGTERM ends it with what it has.
 */
function argumentOf(name: string): string | undefined {
  const at = process.argv.indexOf(`--${name}`);
  return at < 0 ? undefined : process.argv[at + 1];
}

function numberOf(name: string, fallback: number): number {
  const text = argumentOf(name) ?? String(fallback);
  if (!/^\d{1,9}$/.test(text)) throw new Error(`--${name} ${text}: expected a whole number`);
  return Number(text);
}

const say = (text: string) => console.error(text);
const stopping = new AbortController();
for (const signal of ['SIGTERM', 'SIGINT'] as const) process.once(signal, () => stopping.abort());

async function run(): Promise<Outcome & { name: string; seed: number }> {
  const fault = argumentOf('fault');
  if (fault !== undefined && fault !== 'kill' && fault !== 'temporal')
    throw new Error(`--fault ${fault}: expected kill or temporal`);
  const scenario = argumentOf('scenario');
  const name = fault ?? (scenario === undefined ? 'load' : 'scenarios');
  const seed = numberOf('seed', Math.floor(Date.now() / 1000) % 1_000_000);
  say(`seed ${seed}; the same again: npm run campaign:rollout -- ${process.argv.slice(2).join(' ')} --seed ${seed}`);
  await openLab();
  try {
    const stage = await RolloutStage.open({ vms: numberOf('vms', 2), perSecond: numberOf('per-second', 6) });
    try {
      const campaign: Campaign = { stage, seed, stop: stopping.signal, say };
      if (fault) return { name, seed, ...(await modes.faults(campaign, fault, numberOf('faults', 30))) };
      if (scenario) return { name, seed, ...(await modes.scenarios(campaign, scenario)) };
      return { name, seed, ...(await modes.load(campaign, numberOf('operations', 3000))) };
    } finally {
      await stage.close();
    }
  } finally {
    await closeLab();
  }
}

async function main(): Promise<void> {
  const { name, seed, violations, ratios, targets, ...counts } = await run();
  for (const violation of violations) say(`VIOLATION ${violation}`);
  const keeps = ([key, { min = 0, max = Number.POSITIVE_INFINITY }]: [string, { min?: number; max?: number }]) =>
    key === 'violations' || (ratios[key] !== undefined && ratios[key] >= min && ratios[key] <= max);
  const line = JSON.stringify({
    name: `campaign:rollout ${name}`,
    commit: execFileSync('git', ['rev-parse', '--short', 'HEAD']).toString().trim(),
    images: onRealKraken ? 'real' : 'stand-in',
    ...counts,
    violations: violations.length,
    seeds: [seed],
    ratios,
    targets,
    met: violations.length === 0 && Object.entries(targets).every(keeps),
  });
  if (process.argv.includes('--record'))
    appendFileSync(join(__dirname, '..', '..', 'docs', 'evidence', 'campaign-rollout.jsonl'), `${line}\n`);
  console.log(line);
  process.exit(violations.length === 0 ? 0 : 1);
}

void main().catch((error) => {
  console.error(error);
  process.exit(1);
});
