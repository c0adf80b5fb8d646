import {
  describeFirewall,
  type FirewallView,
  renderFirewallPlan,
  renderFirewallStatus,
} from '../../src/cli/firewall-text';
import { planFirewall } from '../../src/cluster/firewall/firewall-plan';
import type { FirewallLook, SeenFirewall } from '../../src/cluster/firewall/observed';
import type { ClusterSpec } from '../../src/cluster/spec';
import { exampleSpec } from '../support/cluster';
import { plain } from './streams';

const vm = 'root@10.0.2.10:22';

function seen(host: string, change: Partial<SeenFirewall> = {}): SeenFirewall {
  return {
    ...{ host, role: host.startsWith('node') ? 'node' : 'vm', reachable: true, missing: [], loaded: 'kept' },
    ...{ sum: 'a', keptSum: 'a', unit: true, unitPresent: true, enabled: true, differences: [], dropped: [] },
    ...change,
  };
}

const bare: Partial<SeenFirewall> = {
  loaded: 'none',
  keptSum: undefined,
  unit: false,
  unitPresent: false,
  enabled: false,
};

function view(looks: FirewallLook[], enrolled: string[] = [], spec: ClusterSpec = exampleSpec()) {
  const look: FirewallView = {
    plan: planFirewall({ cluster: spec.name, action: 'apply', looks }),
    looks,
    enrolled,
    tookMs: 300,
    through: 'worker',
  };
  return { spec, look, colors: plain };
}

const nodes = (change: Partial<SeenFirewall> = {}) => ['node-1', 'node-2', 'node-3'].map((id) => seen(id, change));

describe('the plan', () => {
  test('says of each port who may reach it, hosts that are alike together', () => {
    const lines = renderFirewallPlan(view([...nodes(bare), seen(vm, bare)]));
    expect(lines.slice(0, 5)).toEqual([
      'cluster cluster: who may reach what',
      ' node-1..3',
      '      22  ssh            anyone, it is not filtered',
      '    5000  nginx          anyone',
      '    5003  nginx          anyone',
    ]);
    expect(lines).toContain('    6379  redis          nodes');
    expect(lines).toContain('    6390  redis-router   the host itself');
    expect(lines).toContain(' 10.0.2.10');
    expect(lines).toContain('    8090  agent peer      nodes, VMs');
    expect(lines).toContain(' ~ 10.0.2.10 node-1..3  no rules are loaded');
    expect(lines.at(-1)).toBe('krakenctl firewall apply changes 4 of 4 hosts · seen in 300 ms');
  });

  test('names the keys of .env that let others in', () => {
    const spec = exampleSpec((s) => {
      s.firewall = { clients: ['10.0.0.0/8'], peers: ['10.0.3.0/24'], ssh: ['10.0.0.5'] };
    });
    const text = renderFirewallPlan(view(nodes(), [], spec)).join('\n');
    expect(text).toMatch(/22 {2}ssh +FIREWALL_SSH\n/);
    expect(text).toMatch(/5000 {2}nginx +nodes, VMs, FIREWALL_PEERS, FIREWALL_CLIENTS\n/);
    expect(text).toContain('nothing to change on 3 hosts');
  });

  test('tells differences, what stands in the way, hosts that are away, and VMs that nobody let in', () => {
    const drifted = seen('node-1', {
      loaded: 'other',
      differences: [
        { port: 6379, what: 'redis', was: 'anyone', shall: 'nodes' },
        { set: 'vms', added: ['10.0.2.12'], removed: [], more: 3 },
      ],
    });
    const away: FirewallLook = { host: vm, role: 'vm', reachable: false, error: 'timed out' };
    const lines = renderFirewallPlan(view([drifted, seen('node-2', { missing: ['nft'] }), away], ['10.0.2.7']));
    expect(lines).toContain(' ~ node-1  the loaded rules were changed by another hand');
    expect(lines).toContain('     6379 redis: anyone → nodes');
    expect(lines).toContain('     vms: +10.0.2.12 and 3 more');
    expect(lines).toContain(' ✘ node-2: nft is missing: apt-get install nftables');
    expect(lines).toContain(' ! 10.0.2.10 cannot be seen: timed out');
    expect(lines.join('\n')).toContain(
      '1 VMs installed themselves (10.0.2.7): without FIREWALL_PEERS they get no pieces',
    );
  });
});

describe('the status', () => {
  test('says of each host whether it is as .env says, and what it dropped', () => {
    const dropped = [
      { port: 6379, packets: 12 },
      { port: 8090, packets: 0 },
      { port: 'forwarded' as const, packets: 2 },
    ];
    const { lines, drifts } = renderFirewallStatus(view([seen('node-1', { dropped }), seen('node-2')]));
    expect(drifts).toBe(false);
    expect(lines).toEqual([
      'cluster  firewall · rules are loaded on 2 of 2 hosts · seen by the worker in 300 ms',
      ' node-1  as .env says · dropped packets 6379: 12, forwarded: 2',
      ' node-2  as .env says',
    ]);
  });

  test('switched off everywhere is no drift; on one host it is', () => {
    expect(renderFirewallStatus(view(nodes(bare)))).toMatchObject({ drifts: false });
    const { lines, drifts } = renderFirewallStatus(view([seen('node-1'), seen('node-2', bare)]));
    expect(drifts).toBe(true);
    expect(lines[2]).toBe(' node-2  no rules of krakenctl');
  });

  test('tells a trial under way, and one that was taken back', () => {
    const reverted = { at: '2026-11-29T17:00:00.000Z', sum: 'b', to: 'open' as const };
    const { lines } = renderFirewallStatus(
      view([
        seen('node-1', { loaded: 'trial', trialSum: 'a', armedSeconds: 23 }),
        seen('node-2', { ...bare, reverted }),
      ]),
    );
    expect(lines).toContain(' ! node-1: rules are on trial and are taken back in 23 s');
    expect(lines).toContain(' ! node-2: rules were taken back at 2026-11-29T17:00:00.000Z, there were none before');
  });
});

test('the end of an operation names the hosts that changed, and what is left to do', () => {
  const operation = { id: 'x', verb: 'firewall', actor: 'ana@ops-1' };
  const plan = planFirewall({ cluster: 'cluster', action: 'apply', looks: [seen('node-1', bare), seen('node-2')] });
  const left = [{ host: vm, why: 'it could not be reached: timed out' }];
  const report = { operation, name: 'firewall-2', action: 'apply' as const, changed: true, plan, left };
  const described = describeFirewall(report, { colors: plain, spec: exampleSpec() });
  expect(described.lines).toEqual([
    ' rules are kept on node-1',
    ' ! left to do: 10.0.2.10: it could not be reached: timed out',
    ' when it can be reached: krakenctl firewall apply',
    'Done. firewall-2',
  ]);
  expect(described.left).toHaveLength(1);
  expect(describeFirewall({ ...report, changed: false, left: [] }, { colors: plain }).lines).toEqual([
    'nothing to change',
  ]);
});
