import { type FirewallAction, mostFirewalls, planFirewall } from '../../../src/cluster/firewall/firewall-plan';
import type { FirewallLook, SeenFirewall } from '../../../src/cluster/firewall/observed';

function seen(host: string, change: Partial<SeenFirewall> = {}): SeenFirewall {
  return {
    host,
    role: host.startsWith('node') ? 'node' : 'vm',
    reachable: true,
    missing: [],
    loaded: 'kept',
    sum: 'a',
    keptSum: 'a',
    unit: true,
    unitPresent: true,
    enabled: true,
    differences: [],
    dropped: [],
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
const plan = (looks: FirewallLook[], action: FirewallAction = 'apply') =>
  planFirewall({ cluster: 'prod', action, looks });
const of = (change: Partial<SeenFirewall>, action?: FirewallAction) => plan([seen('node-1', change)], action).hosts[0]!;

test('a host that is as it shall be is left alone', () => {
  expect(plan([seen('node-1'), seen('root@10.0.2.1:22')])).toMatchObject({ empty: true, canaries: [] });
});

test.each<[string, Partial<SeenFirewall>, boolean, RegExp]>([
  ['nothing', bare, true, /^no rules are loaded$/],
  ['rules that were flushed', { loaded: 'none' }, true, /not loaded any more/],
  ['rules that another hand changed', { loaded: 'other' }, true, /another hand/],
  ['rules of before', { keptSum: 'b' }, true, /others now/],
  [
    'rules that an apply which was cut has left',
    { loaded: 'trial', trialSum: 'a' },
    true,
    /neither kept nor taken back/,
  ],
  ['a unit that is not enabled', { enabled: false }, false, /^the rules do not come back/],
  ['a unit of another text', { unit: false }, false, /^the rules do not come back/],
])('%s on a host is changed, with the reason', (_what, change, loads, because) => {
  expect(of(change)).toMatchObject({ changes: true, loads });
  expect(of(change).because.join('; ')).toMatch(because);
});

test('the first node and the first VM that change come before all others', () => {
  const vms = ['root@10.0.2.1:22', 'root@10.0.2.2:22'];
  const looks = [seen('node-1'), seen('node-2', bare), seen('node-3', bare), ...vms.map((vm) => seen(vm, bare))];
  expect(plan(looks).canaries).toEqual(['node-2', vms[0]]);
});

test('what is missing on any host stands in the way of all; taking rules away needs nothing', () => {
  const looks = [seen('node-1', bare), seen('node-2', { ...bare, missing: ['nft'] })];
  expect(plan(looks).conflicts).toEqual([{ host: 'node-2', what: 'nft is missing', mend: 'apt-get install nftables' }]);
  expect(plan(looks, 'off').conflicts).toEqual([]);
  expect(plan([seen('node-1', { error: 'Operation not supported' })]).conflicts).toMatchObject([
    { what: 'nft does not work: Operation not supported' },
  ]);
});

test('a fleet that is too large for one operation is refused', () => {
  const looks = Array.from({ length: mostFirewalls + 1 }, (_, i) => seen(`root@10.${i >> 8}.${i & 255}.1:22`));
  expect(plan(looks).conflicts).toHaveLength(1);
  expect(plan(looks.slice(1)).conflicts).toEqual([]);
});

test.each<[Partial<SeenFirewall>, boolean]>([
  [bare, false],
  [{}, true],
  [{ ...bare, loaded: 'other' }, true],
  [{ ...bare, unitPresent: true }, true],
  [{ ...bare, trialSum: 'a' }, true],
  [{ ...bare, reverted: { at: '', sum: 'a', to: 'open' } }, true],
])('off: %j is taken away: %s', (change, changes) => expect(of(change, 'off').changes).toBe(changes));

test('hosts that cannot be seen are no part of what changes, and change the plan', () => {
  const away: FirewallLook = { host: 'node-2', role: 'node', reachable: false, error: 'timed out' };
  expect(plan([seen('node-1'), away])).toMatchObject({ empty: true, unseen: [{ host: 'node-2', role: 'node' }] });
  expect(plan([seen('node-1'), away]).hash).not.toBe(plan([seen('node-1')]).hash);
});
