import { type VmAddress, vmHost } from '../agents/vm';
import type { Audience } from '../component';
import { portsOf } from '../port-conflicts';
import type { ClusterSpec, HostSpec } from '../spec';
import { disjoint, type Network, parseNetwork } from './networks';

/** Which ports of a host are whose: one table, from which the rules are rendered and by which they are judged. */

/** `operators`: who logs in by SSH. */
export type Source = Audience | 'operators';

export interface PortRule {
  port: number;
  /** The part or service behind it. */
  what: string;
  from: Source;
}

export interface FirewallHost {
  /** `node-1`, or the address of a VM as the record has it. */
  id: string;
  role: 'node' | 'vm';
  host: HostSpec;
}

/** By the id of a node, or a VM as the record has it. */
export function firewallHost({ nodes }: ClusterSpec, id: string): FirewallHost {
  const node = nodes.find((n) => n.id === id);
  return node ? { id, role: 'node', host: node } : { id, role: 'vm', host: vmHost(id) };
}

export function firewallHosts({ nodes }: ClusterSpec, vms: VmAddress[]): FirewallHost[] {
  return [
    ...nodes.map((host): FirewallHost => ({ id: host.id, role: 'node', host })),
    ...vms.map((vm): FirewallHost => ({ id: vm, role: 'vm', host: vmHost(vm) })),
  ];
}

/** Every port of ours on a host, by number, also those that anyone may reach. */
export function portRules(spec: ClusterSpec, { role, host }: FirewallHost): PortRule[] {
  const own = role === 'node' ? nodeRules(spec, host) : vmRules(spec);
  const ssh: PortRule[] = spec.firewall?.ssh ? [{ port: host.ssh.port, what: 'ssh', from: 'operators' }] : [];
  return [...own, ...ssh].sort((a, b) => a.port - b.port);
}

function nodeRules(spec: ClusterSpec, host: HostSpec): PortRule[] {
  return portsOf(spec, host).map(({ port, part, from }) => ({ port, what: part, from }));
}

/** Kraken itself serves an agent's registry to its own host alone; other agents and origins want pieces. */
function vmRules({ agents: { ports }, loadBalancers }: ClusterSpec): PortRule[] {
  return [
    { port: ports.registry, what: 'agent registry', from: 'itself' },
    { port: ports.peer, what: 'agent peer', from: 'fleet' },
    { port: ports.server, what: 'agent', from: 'itself' },
    ...loadBalancers.map((_, i): PortRule => ({ port: ports.relay + i, what: 'relay', from: 'itself' })),
  ];
}

/** A rule is rendered; otherwise anyone reaches the port as before. */
export function isFiltered(spec: ClusterSpec, { from }: PortRule): boolean {
  return from !== 'clients' || spec.firewall?.clients !== undefined;
}

/** Ports that a container of one host must not reach on another: there it would come from the address of a member. */
export function guardedPorts(spec: ClusterSpec, role: FirewallHost['role']): PortRule[] {
  const rules = role === 'node' ? nodeRules(spec, spec.nodes[0]!) : vmRules(spec);
  return rules.filter(({ from }) => from !== 'clients').sort((a, b) => a.port - b.port);
}

export type SourceSet = 'nodes' | 'vms' | 'peers' | 'clients' | 'operators';
export type Sources = Record<SourceSet, Network[]>;

/** What each word means in sets of addresses. */
export const setsOf: Record<Source, SourceSet[]> = {
  itself: [],
  nodes: ['nodes'],
  fleet: ['nodes', 'vms', 'peers'],
  clients: ['nodes', 'vms', 'peers', 'clients'],
  operators: ['operators'],
};

/** @throws {Error} on a host without an address; see {@link namelessHosts}. */
export function sourcesOf(spec: ClusterSpec, vms: VmAddress[]): Sources {
  const read = (texts: string[]) =>
    disjoint(
      texts.map((text) => {
        const network = parseNetwork(text);
        if (!network) throw new Error(`no address: ${JSON.stringify(text)}`);
        return network;
      }),
    );
  const { clients = [], peers = [], ssh = [] } = spec.firewall ?? {};
  return {
    nodes: read(spec.nodes.map(({ address }) => address)),
    vms: read(vms.map((vm) => vmHost(vm).address)),
    peers: read(peers),
    clients: read(clients),
    operators: read(ssh),
  };
}

/**
 * Hosts that are known by a name. Rules hold addresses: a name would be looked up when they are loaded, at the start of a host before there is a
 * network, and a wrong answer would cut Redis in two.
 */
export function namelessHosts(spec: ClusterSpec, vms: VmAddress[]): { host: string; name: string; field: string }[] {
  return firewallHosts(spec, vms).flatMap(({ id, role, host }, i) => {
    if (parseNetwork(host.address)) return [];
    return [{ host: id, name: host.address, field: role === 'node' ? `CLUSTER_NODE_${i + 1}` : 'the agent' }];
  });
}
