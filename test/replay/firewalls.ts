import type { FirewallInput } from '../../src/contracts/firewall';
import { exampleSpec } from '../support/cluster';
import { MemoryLab } from '../support/memory-hosts';
import { type Bench, openBench } from '../support/temporal';

/** Rules of a firewall brought, refused, taken back and taken away, for histories of today. */

type Keep = (name: string, run: Awaited<ReturnType<Bench['begin']>>) => Promise<void>;

export async function recordFirewalls(keep: Keep): Promise<void> {
  const lab = new MemoryLab();
  const bench = await openBench(lab);
  await bench.deploy();
  const agents = { format: 1, generation: 1, agents: ['root@10.0.2.1:22'], counts: {}, operation: {} };
  for (const node of exampleSpec().nodes) {
    const contents = Buffer.from(JSON.stringify(agents));
    lab.machine(node.id).stored.set('/var/lib/krakenctl/cluster/agents.json', { contents, mode: 0o644, changedAt: 1 });
  }
  const begin = (change: Partial<FirewallInput> = {}) =>
    bench.begin('operateFirewall', {
      operation: { id: '20261129-000000-firewall-0001', verb: 'firewall', actor: 'ana@ops-1' },
      spec: exampleSpec(),
      owner: { temporal: '127.0.0.1:7233', namespace: 'default' },
      action: 'apply',
      skipUnreachable: false,
      trialSeconds: 2,
      ...change,
    } satisfies FirewallInput);
  await keep('firewall-look', await bench.begin('inspectFirewall', { spec: exampleSpec(), action: 'apply' }));
  lab.machine('node-2').isOn = false;
  await keep('firewall-unreachable', await begin());
  await keep('firewall-skipped', await begin({ skipUnreachable: true }));
  lab.machine('node-2').isOn = true;
  lab.machine('node-1').cutFrom.add('node-2');
  lab.machine('node-3').cutFrom.add('node-2');
  await keep('firewall-cuts', await begin());
  for (const machine of lab.machines.values()) machine.cutFrom.clear();
  await keep('firewall-apply', await begin());
  await keep('firewall-nothing', await begin());
  const spec = exampleSpec((s) => void Object.assign(s, { firewall: { ssh: ['10.9.9.9'] } }));
  await keep('firewall-reverted', await begin({ spec }));
  await keep('firewall-late', await begunLate(lab, begin));
  const rules = { contents: Buffer.from('rules'), mode: 0o644, changedAt: 1 };
  lab.machine('node-1').stored.set('/etc/kraken/cluster/firewall/rules.nft', rules);
  await keep('firewall-off', await begin({ action: 'off' }));
  await recordDestroy(bench, keep);
  await bench.close();
}

/** Nobody kept them in time, and so they are tried anew. */
async function begunLate(lab: MemoryLab, begin: (change: Partial<FirewallInput>) => ReturnType<Bench['begin']>) {
  let isFirst = true;
  lab.hook = async (moment, effect) => {
    if (moment !== 'after' || effect !== 'firewall try' || !isFirst) return;
    isFirst = false;
    await new Promise((resolve) => setTimeout(resolve, 1500));
  };
  const spec = exampleSpec((s) => void Object.assign(s, { firewall: { clients: ['10.0.0.0/8'] } }));
  const run = await begin({ spec, trialSeconds: 1 });
  await run.result();
  lab.hook = () => undefined;
  return run;
}

async function recordDestroy(bench: Bench, keep: Keep): Promise<void> {
  const choice = { spec: exampleSpec(), keepData: false, skipUnreachable: false };
  const { hash: planHash } = await (await bench.begin('inspectRemains', choice)).result();
  const operation = { id: '20261129-000000-destroy-0001', verb: 'destroy', actor: 'ana@ops-1' };
  const owner = { temporal: '127.0.0.1:7233', namespace: 'default' };
  await keep('destroy-firewall', await bench.begin('destroyCluster', { ...choice, operation, owner, planHash }));
}
