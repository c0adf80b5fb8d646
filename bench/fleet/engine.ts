import { execFileSync, fork } from 'node:child_process';
import { appendFileSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { Client, Connection } from '@temporalio/client';
import type { FleetInput, FleetReport } from '../../src/contracts/agents';
import { taskQueues } from '../../src/contracts/queues';
import { serveHosts } from '../../test/campaign/remote-hosts';
import { exampleSpec } from '../../test/support/cluster';
import { MemoryLab } from '../../test/support/memory-hosts';
import { openBench, quietRuntime } from '../../test/support/temporal';
import setup from '../../test/support/temporal-setup';
import teardown from '../../test/support/temporal-teardown';

/**
 * `npm run bench:fleet-engine -- [--hosts 1000] [--concurrency 50] [--off 0] [--record]`: the fleet's workflows on a real Temporal server with VMs
 * in memory of another process than the worker's, so that what is measured is the engine alone. The last line is JSON (decisions 29).
 */
function numberOf(name: string, fallback: number): number {
  const at = process.argv.indexOf(`--${name}`);
  const text = at < 0 ? String(fallback) : (process.argv[at + 1] ?? '');
  if (!/^\d{1,6}$/.test(text)) throw new Error(`--${name} ${text}: expected a whole number`);
  return Number(text);
}

async function main(): Promise<void> {
  const [hosts, concurrency, off] = [numberOf('hosts', 1000), numberOf('concurrency', 50), numberOf('off', 0)];
  quietRuntime();
  await setup();
  const lab = new MemoryLab();
  const bench = await openBench(lab);
  await bench.deploy();
  await bench.close();
  const connection = await Connection.connect({ address: process.env.KRAKENCTL_TEST_TEMPORAL });
  const client = new Client({ connection });
  const worker = await startWorker(lab);
  const spec = exampleSpec();
  const vms = Array.from({ length: hosts }, (_, i) => `root@10.${2 + (i >> 16)}.${(i >> 8) & 255}.${i & 255}:22`);
  for (const vm of vms.slice(0, off)) {
    const address = vm.slice(5, -3);
    await lab.connect({ id: address, address, ssh: { address, port: 22, user: 'root' } });
    lab.machine(address).isOn = false;
  }
  const input: FleetInput = {
    operation: { id: '20261123-000000-agents-0001', verb: 'agents', actor: 'bench@here' },
    verb: 'deploy',
    spec,
    owner: { temporal: '127.0.0.1:7233', namespace: 'default' },
    vms,
    policy: { concurrency, maxFailures: String(off), canary: 1, batch: '100%' },
  };
  const startedAt = Date.now();
  const handle = await client.workflow.start('operateFleet', {
    taskQueue: taskQueues.main,
    workflowId: `bench-${startedAt}`,
    args: [input],
  });
  const shown = setInterval(() => {
    const running = [...lab.machines.values()].filter((m) => m.agentState.running).length;
    console.error(` ▸ ${Math.round((Date.now() - startedAt) / 1000)} s: ${running} of ${hosts} agents run`);
  }, 5000);
  const report = (await handle.result()) as FleetReport;
  clearInterval(shown);
  const seconds = (Date.now() - startedAt) / 1000;
  const { childEvents, longest, runs } = await histories(client, handle.workflowId, spec.name);
  const isWhole = report.done === hosts - off && [...lab.machines.values()].every(installedOnce(lab));
  const measured = {
    hosts,
    concurrency,
    off,
    seconds: Math.round(seconds * 10) / 10,
    hostsPerSecond: Math.round((hosts / seconds) * 10) / 10,
    eventsPerHost: Math.round((childEvents.total / childEvents.count) * 10) / 10,
    longestHistory: longest,
    runsOfTheFleet: runs,
    peakMemoryMb: Math.round(worker.stop() / 2 ** 20),
    done: report.done,
    left: report.left.length,
  };
  const met = isWhole && measured.eventsPerHost <= 40 && longest <= 10_000 && measured.peakMemoryMb < 512;
  const line = JSON.stringify({
    name: 'bench:fleet-engine',
    commit: execFileSync('git', ['rev-parse', '--short', 'HEAD']).toString().trim(),
    images: 'stand-in',
    measured,
    ratios: {},
    targets: { eventsPerHost: { max: 40 }, longestHistory: { max: 10_000 }, peakMemoryMb: { max: 512 } },
    met,
  });
  await connection.close();
  await teardown();
  if (process.argv.includes('--record'))
    appendFileSync(join(__dirname, '..', '..', 'docs', 'evidence', 'bench-fleet-engine.jsonl'), `${line}\n`);
  console.log(line);
  process.exit(met ? 0 : 1);
}

type Machine = MemoryLab['machines'] extends Map<string, infer M> ? M : never;

function installedOnce(lab: MemoryLab): (machine: Machine) => boolean {
  const activations = new Map<string, number>();
  for (const line of lab.journal) {
    const [host, effect] = line.split(' ');
    if (effect === 'activate') activations.set(host!, (activations.get(host!) ?? 0) + 1);
  }
  return ({ host, agentState }) => !agentState.running || activations.get(host.id) === 1;
}

/** A worker as a process of its own; `stop` gives the largest resident memory that the kernel saw of it, bytes. */
async function startWorker(lab: MemoryLab): Promise<{ stop: () => number }> {
  const campaign = join(__dirname, '..', '..', 'test', 'campaign');
  const child = fork(join(campaign, 'modelled-worker.ts'), {
    execArgv: ['-r', join(campaign, 'register.cjs')],
    serialization: 'advanced',
    env: {
      ...process.env,
      CAMPAIGN_TEMPORAL: process.env.KRAKENCTL_TEST_TEMPORAL,
      CAMPAIGN_NAMESPACE: 'default',
      CAMPAIGN_BUNDLE: process.env.KRAKENCTL_TEST_BUNDLE,
    },
  });
  serveHosts(child, () => lab);
  await new Promise<void>((resolve, reject) => {
    child.on('message', (message) => message === 'ready' && resolve());
    child.once('exit', (code) => reject(new Error(`the worker ended with ${code}`)));
  });
  child.send('go');
  return {
    stop: () => {
      const peak = /VmHWM:\s+(\d+) kB/.exec(readFileSync(`/proc/${child.pid}/status`, 'utf8'))?.[1];
      child.kill();
      return Number(peak) * 1024;
    },
  };
}

async function histories({ workflow }: Client, fleet: string, cluster: string) {
  let longest = 0;
  let runs = 0;
  const childEvents = { total: 0, count: 0 };
  for await (const run of workflow.list({ query: `WorkflowId = '${fleet}'` })) {
    runs += 1;
    longest = Math.max(longest, run.historyLength);
    childEvents.total += run.historyLength;
  }
  for await (const run of workflow.list({ query: `WorkflowType = 'bringAgent'` })) {
    if (!run.workflowId.startsWith(`kraken-${cluster}-agent-`)) continue;
    longest = Math.max(longest, run.historyLength);
    childEvents.total += run.historyLength;
    childEvents.count += 1;
  }
  return { childEvents, longest, runs };
}

void main().catch((error) => {
  console.error(error);
  process.exit(1);
});
