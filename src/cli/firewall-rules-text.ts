import { vmName } from '../cluster/agents/vm';
import { firewallHost, type PortRule, portRules, type Source } from '../cluster/firewall/rules';
import type { FirewallDifference } from '../cluster/firewall/wanted';
import type { ClusterSpec } from '../cluster/spec';
import { showHosts } from './host-ranges';

/** Words for who may reach a port. */

export function nameHost(id: string): string {
  return id.includes('@') ? vmName(id) : id;
}

export function sourceText(spec: ClusterSpec, from: Source | 'anyone' | 'unknown'): string {
  const { clients, peers } = spec.firewall ?? {};
  const others = peers ? ', FIREWALL_PEERS' : '';
  switch (from) {
    case 'itself':
      return 'the host itself';
    case 'nodes':
      return 'nodes';
    case 'fleet':
      return `nodes, VMs${others}`;
    case 'clients':
      return clients ? `nodes, VMs${others}, FIREWALL_CLIENTS` : 'anyone';
    case 'operators':
      return 'FIREWALL_SSH';
    case 'unknown':
      return "another hand's rule";
    default:
      return 'anyone';
  }
}

export function rulesByHost(spec: ClusterSpec, ids: string[]) {
  return ids.map((id) => ({ host: id, ports: tableOf(spec, id) }));
}

/** With sshd where it is not filtered, so that nobody has to wonder. */
function tableOf(spec: ClusterSpec, id: string): (PortRule & { open: string })[] {
  const host = firewallHost(spec, id);
  const ssh = spec.firewall?.ssh ? [] : [{ port: host.host.ssh.port, what: 'ssh', open: 'anyone, it is not filtered' }];
  const rules = portRules(spec, host).map((rule) => ({ ...rule, open: sourceText(spec, rule.from) }));
  return [...rules, ...(ssh as (PortRule & { open: string })[])].sort((a, b) => a.port - b.port);
}

/** Hosts with the same ports stand together. */
export function ruleLines(spec: ClusterSpec, ids: string[]): string[] {
  const groups = new Map<string, string[]>();
  const tables = new Map<string, ReturnType<typeof tableOf>>();
  for (const id of ids) {
    const table = tableOf(spec, id);
    const key = JSON.stringify(table);
    tables.set(key, table);
    groups.set(key, [...(groups.get(key) ?? []), nameHost(id)]);
  }
  return [...groups].flatMap(([key, hosts]) => {
    const table = tables.get(key)!;
    const width = Math.max(...table.map(({ what }) => what.length));
    return [
      ` ${showHosts(hosts)}`,
      ...table.map(({ port, what, open }) => `   ${String(port).padStart(5)}  ${what.padEnd(width)}  ${open}`),
    ];
  });
}

export function differenceText(spec: ClusterSpec, difference: FirewallDifference): string {
  if ('port' in difference) {
    const { port, what, was, shall } = difference;
    return `${port} ${what}: ${sourceText(spec, was)} → ${sourceText(spec, shall)}`;
  }
  const { set, added, removed, more } = difference;
  const words = [...added.map((text) => `+${text}`), ...removed.map((text) => `-${text}`)];
  return `${set}: ${words.join(' ')}${more > 0 ? ` and ${more} more` : ''}`;
}
