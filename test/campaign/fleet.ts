import { execFileSync } from 'node:child_process';
import { appendFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect } from 'expect';
import { labUp, preloadImages, resetLab } from '../../src/lab/lab';
import { expectAgent } from '../support/agents';
import { closeLab, json, krakenctl, labName, must, openLab, versions } from '../support/lab';
import { LabWorker } from '../support/lab-worker';
import { onHost } from '../support/observer';
import { chance } from './chance';

Object.assign(globalThis, { expect });

/**
 * `npm run campaign:fleet -- [--vms 20] [--kills 20] [--seed S] [--record]`: a deploy of agents whose worker is killed again and again at moments of
 * chance. The engines' own events tell how often each agent's container was made. The last line is JSON.
 */
function numberOf(name: string, fallback: number): number {
  const at = process.argv.indexOf(`--${name}`);
  const text = at < 0 ? String(fallback) : (process.argv[at + 1] ?? '');
  if (!/^\d{1,9}$/.test(text)) throw new Error(`--${name} ${text}: expected a whole number`);
  return Number(text);
}

const say = (text: string) => console.error(text);

async function main(): Promise<void> {
  const [count, kills] = [numberOf('vms', 20), numberOf('kills', 20)];
  const seed = numberOf('seed', Math.floor(Date.now() / 1000) % 1_000_000);
  const random = chance(seed);
  say(`seed ${seed}`);
  const violations: string[] = [];
  let fired = 0;
  await openLab();
  try {
    const lab = await labUp({ name: labName, nodes: 3, vms: count, images: 'stand-in', krakenVersions: versions });
    await resetLab(lab);
    await preloadImages(lab, { versions });
    await must(['deploy', '--yes']);
    await krakenctl(['worker', 'stop']);
    const vms = lab.hosts.filter((h) => h.name.startsWith('vm-'));
    const since = Math.floor(Date.now() / 1000);
    let worker = await LabWorker.start('', 'fleet-0');
    // Two at once, so that the operation is longer than all the deaths.
    await must(['agent', 'deploy', ...vms.map((vm) => vm.address), '--concurrency', '2', '--detach']);
    while (fired < kills && (await isRunning())) {
      await new Promise((resolve) => setTimeout(resolve, 300 + random() * 6000));
      if (!(await isRunning())) break;
      await worker.kill();
      fired += 1;
      worker = await LabWorker.start('', `fleet-${fired}`);
      say(`killed ${fired} times`);
    }
    const run = await krakenctl(['op', 'attach'], { timeoutMs: 600_000 });
    if (run.code !== 0)
      violations.push(`I5 op attach exited ${run.code}: ${run.stdout.slice(-500)}${run.stderr.slice(-500)}`);
    for (const vm of vms) {
      await expectAgent(vm.container, labName, versions[0]!).catch((error: Error) =>
        violations.push(`I5 ${vm.name}: ${error.message.slice(0, 300)}`),
      );
      const made = await creations(vm.container, since);
      if (made !== 1) violations.push(`I3 ${vm.name}: its agent was made ${made} times`);
    }
    await worker.kill();
  } finally {
    await closeLab();
  }
  const line = JSON.stringify({
    name: 'campaign:fleet',
    commit: execFileSync('git', ['rev-parse', '--short', 'HEAD']).toString().trim(),
    images: 'stand-in',
    seeds: [seed],
    runs: 1,
    void: kills - fired,
    fired,
    measured: { vms: count },
    violations: violations.length,
    ratios: {},
    targets: { violations: { max: 0 }, fired: { min: 20 } },
    met: violations.length === 0 && fired >= 20,
  });
  for (const violation of violations) say(`VIOLATION ${violation}`);
  if (process.argv.includes('--record'))
    appendFileSync(join(__dirname, '..', '..', 'docs', 'evidence', 'campaign-fleet.jsonl'), `${line}\n`);
  console.log(line);
  process.exit(violations.length === 0 ? 0 : 1);
}

async function isRunning(): Promise<boolean> {
  const { data } = await json<{ verb: string; result: string }[]>(['op', 'list']);
  return data.some((o) => o.verb === 'agents' && o.result === 'running');
}

async function creations(host: string, since: number): Promise<number> {
  const span = ['--since', String(since), '--until', String(Math.floor(Date.now() / 1000) + 1)];
  const only = ['--filter', 'event=create', '--filter', 'type=container', '--format', '{{.Actor.Attributes.name}}'];
  const made = await onHost(host, ['docker', 'events', ...span, ...only]);
  return made.split('\n').filter((name) => name === `kraken-${labName}-agent`).length;
}

void main().catch((error) => {
  console.error(error);
  process.exit(1);
});
