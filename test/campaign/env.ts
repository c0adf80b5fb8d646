import { execFileSync } from 'node:child_process';
import { appendFileSync, existsSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import { type } from '../cli/streams';
import { rightFiles, wrongFiles } from '../config/env-cases';
import { judgeCommand, judgeRight, judgeWrong } from '../config/env-judgement';

/**
 * `npm run campaign:env -- [--runs N] [--seed S] [--record]`; the last line is JSON. Four of five cases are files with one wrong field, each through the
 * parser and through the command; the others are right files in any spelling against their canonical rewriting.
 */
function numberOf(name: string, fallback: number): number {
  const at = process.argv.indexOf(`--${name}`);
  const text = at < 0 ? String(fallback) : (process.argv[at + 1] ?? '');
  if (!/^[1-9]\d{0,8}$/.test(text)) throw new Error(`--${name} ${text}: expected a whole number above 0`);
  return Number(text);
}

async function main(): Promise<void> {
  const runs = numberOf('runs', 10_000);
  const seed = numberOf('seed', Math.floor(Date.now() / 1000) % 1_000_000);
  console.error(`seed ${seed}; the same again: npm run campaign:env -- --runs ${runs} --seed ${seed}`);
  const folder = mkdtempSync(join(tmpdir(), 'krakenctl-env-'));
  const home = process.cwd();
  process.chdir(folder);
  const startedAt = Date.now();
  const violations: string[] = [];
  const fields: Record<string, number> = {};
  const wrongRuns = Math.ceil((runs * 4) / 5);
  try {
    for (const wrong of fc.sample(wrongFiles, { seed, numRuns: wrongRuns })) {
      fields[wrong.key] = (fields[wrong.key] ?? 0) + 1;
      const faults = await tryAll(wrong);
      if (faults.length > 0) violations.push(JSON.stringify({ wrong, faults }));
    }
    for (const right of fc.sample(rightFiles, { seed, numRuns: runs - wrongRuns })) {
      const faults = judgeRight(right);
      if (faults.length > 0) violations.push(JSON.stringify({ right, faults }));
    }
    if (existsSync('canary')) violations.push('a canary file was made');
  } finally {
    process.chdir(home);
    rmSync(folder, { recursive: true });
  }
  for (const violation of violations.slice(0, 20)) console.error(`VIOLATION ${violation}`);
  const counts = Object.values(fields);
  const line = JSON.stringify({
    name: 'campaign:env',
    commit: execFileSync('git', ['rev-parse', '--short', 'HEAD']).toString().trim(),
    seed,
    runs,
    wrong: wrongRuns,
    right: runs - wrongRuns,
    fields: counts.length,
    fewestPerField: Math.min(...counts),
    tookMs: Date.now() - startedAt,
    violations: violations.length,
    targets: { violations: { max: 0 } },
    met: violations.length === 0,
  });
  if (process.argv.includes('--record')) {
    const evidence = join(home, 'docs', 'evidence');
    mkdirSync(evidence, { recursive: true });
    appendFileSync(join(evidence, 'env-campaign.jsonl'), `${line}\n`);
  }
  console.log(line);
  process.exitCode = violations.length === 0 ? 0 : 1;
}

async function tryAll(wrong: Parameters<typeof judgeWrong>[0]): Promise<string[]> {
  try {
    writeFileSync('.env', wrong.file);
    const captured = await type(['check', '--offline', '--env-file', '.env']);
    return [...judgeWrong(wrong), ...judgeCommand(wrong, '.env', captured)];
  } catch (error) {
    return [`thrown: ${(error as Error).message}`];
  }
}

void main();
