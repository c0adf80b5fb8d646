import { showNetwork } from '../../../src/cluster/firewall/networks';
import {
  firewallHosts,
  guardedPorts,
  isFiltered,
  namelessHosts,
  portRules,
  sourcesOf,
} from '../../../src/cluster/firewall/rules';
import { portsOf } from '../../../src/cluster/port-conflicts';
import { exampleSpec } from '../../support/cluster';

const vms = ['root@10.0.2.10:22', 'ops@10.0.2.11:2222'];
const spec = exampleSpec((s) => {
  s.loadBalancers = ['node-1', 'node-2'];
});
const [lb, , plain, vm] = firewallHosts(spec, vms);

const shown = (host = lb!, of = spec) => portRules(of, host).map(({ port, what, from }) => `${port} ${what} ${from}`);

const onNode = [
  '6379 redis nodes',
  '6380 redis-replica nodes',
  '6390 redis-router itself',
  '6391 redis-router itself',
  '7000 testfs nodes',
  '7001 redis-router itself',
  '8080 origin nodes',
  '8081 tracker nodes',
  '8082 build-index nodes',
  '8083 proxy nodes',
  '8090 origin fleet',
  '16379 redis nodes',
  '16380 redis-replica nodes',
];

describe('who may reach which port', () => {
  test('of a node that carries a load balancer', () => {
    expect(shown()).toEqual(['5000 nginx clients', '5003 nginx clients', ...onNode]);
  });

  test('of a node that carries none: the ports of a load balancer are not ours there', () => {
    expect(shown(plain)).toEqual(onNode);
  });

  test('of a VM: pieces are for other VMs and for nodes, everything else for itself', () => {
    const relays = ['8095 relay itself', '8096 relay itself'];
    expect(shown(vm)).toEqual(['8080 agent registry itself', '8090 agent peer fleet', '8091 agent itself', ...relays]);
  });

  test('every port that a part listens on has a rule', () => {
    for (const node of spec.nodes) {
      const host = { id: node.id, role: 'node' as const, host: node };
      expect(portRules(spec, host).map(({ port }) => port)).toEqual(
        portsOf(spec, node)
          .map(({ port }) => port)
          .sort((a, b) => a - b),
      );
    }
  });

  test('sshd is filtered only where FIREWALL_SSH says so, on the port of each host', () => {
    const narrowed = exampleSpec((s) => void Object.assign(s, { firewall: { ssh: ['10.0.0.5'] } }));
    expect(shown(lb, narrowed)[0]).toBe('22 ssh operators');
    expect(shown(firewallHosts(narrowed, vms).at(-1), narrowed)[0]).toBe('2222 ssh operators');
    expect(shown().join()).not.toContain('ssh');
  });

  test('load balancers are open to anyone until FIREWALL_CLIENTS narrows them', () => {
    const open = portRules(spec, lb!).filter((rule) => !isFiltered(spec, rule));
    expect(open.map(({ port }) => port)).toEqual([5000, 5003]);
    const narrowed = exampleSpec((s) => void Object.assign(s, { firewall: { clients: ['10.0.0.0/8'] } }));
    expect(portRules(narrowed, lb!).every((rule) => isFiltered(narrowed, rule))).toBe(true);
  });

  test('containers are kept from everything of other hosts but the load balancers', () => {
    expect(guardedPorts(spec, 'node').map(({ port }) => port)).toEqual(onNode.map((line) => Number.parseInt(line, 10)));
    expect(guardedPorts(spec, 'vm').length).toBe(shown(vm).length);
  });
});

test('sources are addresses, each once, whoever logs in there', () => {
  const narrowed = exampleSpec((s) => void Object.assign(s, { firewall: { peers: ['10.0.3.0/24', '2001:db8::/64'] } }));
  const sources = sourcesOf(narrowed, [...vms, 'other@10.0.2.10:23']);
  expect(Object.fromEntries(Object.entries(sources).map(([set, list]) => [set, list.map(showNetwork)]))).toEqual({
    nodes: ['10.0.1.10', '10.0.1.11', '10.0.1.12'],
    vms: ['10.0.2.10', '10.0.2.11'],
    peers: ['10.0.3.0/24', '2001:db8::/64'],
    clients: [],
    operators: [],
  });
});

test('a host that is known by a name is told with the field that names it', () => {
  const named = exampleSpec((s) => void Object.assign(s.nodes[1]!, { address: 'node-2.example.com' }));
  expect(namelessHosts(named, ['root@vm.example.com:22'])).toEqual([
    { host: 'node-2', name: 'node-2.example.com', field: 'CLUSTER_NODE_2' },
    { host: 'root@vm.example.com:22', name: 'vm.example.com', field: 'the agent' },
  ]);
  expect(() => sourcesOf(named, [])).toThrow('no address');
});
