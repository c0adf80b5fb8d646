import { execFileSync } from 'node:child_process';
import { appendFileSync, mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { runModelled } from './modelled';

/** `npm run campaign:crash -- --crashes N --seed S [--record]`; the last line is JSON (decisions 29). */
const flag = (name: string, fallback: number): number => {
  const at = process.argv.indexOf(`--${name}`);
  const value = at < 0 ? fallback : Number(process.argv[at + 1]);
  if (!Number.isInteger(value) || value < 0) throw new Error(`--${name}: expected a whole number`);
  return value;
};

async function main(): Promise<void> {
  const firstSeed = flag('seed', Math.floor(Date.now() / 1000) % 1_000_000);
  const campaign = {
    crashes: flag('crashes', 100),
    firstSeed,
    slots: flag('slots', 6),
    killsPerDeploy: flag('kills', 6),
  };
  console.error(
    `seed ${firstSeed}; the same again: npm run campaign:crash -- --seed ${firstSeed} --crashes ${campaign.crashes}`,
  );
  const { violations, byBoundary, seeds, ...counts } = await runModelled({
    ...campaign,
    say: (text) => console.error(text),
  });
  for (const violation of violations) console.error(`VIOLATION ${violation}`);
  const commit = execFileSync('git', ['rev-parse', '--short', 'HEAD']).toString().trim();
  const line = JSON.stringify({
    name: 'campaign:crash modelled',
    commit,
    images: 'stand-in',
    ...counts,
    violations: violations.length,
    boundaries: Object.keys(byBoundary).length,
    measured: byBoundary,
    seeds: [seeds[0], seeds.at(-1)],
    ratios: {},
    targets: { violations: { max: 0 } },
    met: violations.length === 0,
  });
  if (process.argv.includes('--record')) {
    const folder = join(__dirname, '..', '..', 'docs', 'evidence');
    mkdirSync(folder, { recursive: true });
    appendFileSync(join(folder, 'campaign-crash.jsonl'), `${line}\n`);
  }
  console.log(line);
  process.exit(violations.length === 0 ? 0 : 1);
}

void main();
