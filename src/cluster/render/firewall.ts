import type { VmAddress } from '../agents/vm';
import { firewallFile, firewallTable } from '../firewall/names';
import { type Network, showNetwork } from '../firewall/networks';
import {
  type FirewallHost,
  guardedPorts,
  isFiltered,
  type PortRule,
  portRules,
  type Source,
  type SourceSet,
  type Sources,
  setsOf,
  sourcesOf,
} from '../firewall/rules';
import type { ClusterSpec } from '../spec';
import { notice } from './notice';

/**
 * One script of nft, loaded as one transaction: our own table is made, emptied and filled, and nobody else's is touched. Nothing but our ports is
 * ever dropped; an `accept` here ends this table alone, so that other tables still have their say.
 */
export function firewallScript(spec: ClusterSpec, vms: VmAddress[], host: FirewallHost): string {
  const table = firewallTable(spec.name);
  const sources = sourcesOf(spec, vms);
  const filtered = portRules(spec, host).filter((rule) => isFiltered(spec, rule));
  const forwarded = forwardRules(spec, sources);
  const used = new Set<Source>([...filtered.map(({ from }) => from), 'nodes', 'fleet']);
  const chains = (Object.keys(setsOf) as Source[]).filter((from) => used.has(from) && setsOf[from].length > 0);
  const sets = [...new Set(chains.flatMap((from) => setsOf[from]))];
  return `${notice}
add table inet ${table}
delete table inet ${table}
table inet ${table} {
${filtered.map(({ port }) => `\tcounter dropped_${number(port)} { }\n`).join('')}\tcounter dropped_forwarded { }

${sets.flatMap((set) => setTexts(set, sources[set])).join('\n')}
${chains.map((from) => sourceChain(from, sources)).join('\n')}
	chain input {
		type filter hook input priority filter - 10; policy accept;
		iifname "lo" accept
		ct state established,related accept
${filtered.flatMap(inputRules).join('\n')}
	}

	# Containers of this host leave it under its address: what they may not reach on another is dropped before.
	chain forward {
		type filter hook forward priority filter - 10; policy accept;
		ct state established,related accept
${forwarded.join('\n')}
	}
}
`;
}

/** The last guard before a text of nft: whatever a spec says, only digits come out of here. */
function number(port: number): string {
  if (!Number.isInteger(port) || port < 1 || port > 65535) throw new RangeError(`no port: ${port}`);
  return String(port);
}

function familiesOf(networks: Network[]): (4 | 6)[] {
  return ([4, 6] as const).filter((family) => networks.some((n) => n.family === family));
}

function setTexts(set: SourceSet, networks: Network[]): string[] {
  return familiesOf(networks).map((family) => {
    const own = networks.filter((n) => n.family === family);
    // Whole networks are intervals; a set of single addresses is found by its hash.
    const isWide = own.some((n) => n.bits < (family === 4 ? 32 : 128));
    return `	set ${set}${family} {
		type ipv${family}_addr
${isWide ? '\t\tflags interval\n' : ''}		elements = { ${own.map(showNetwork).join(', ')} }
	}
`;
  });
}

const header = { 4: 'ip', 6: 'ip6' } as const;

function sourceChain(from: Source, sources: Sources): string {
  const rules = setsOf[from].flatMap((set) =>
    familiesOf(sources[set]).map((family) => `\t\t${header[family]} saddr @${set}${family} accept\n`),
  );
  return `\tchain from_${from} {\n${rules.join('')}\t}\n`;
}

function inputRules({ port, from }: PortRule): string[] {
  const match = `\t\ttcp dport ${number(port)}`;
  const jump = setsOf[from].length > 0 ? [`${match} jump from_${from}`] : [];
  return [...jump, `${match} counter name "dropped_${number(port)}" drop`];
}

function forwardRules(spec: ClusterSpec, sources: Sources): string[] {
  const roles = [
    { set: 'nodes', rules: guardedPorts(spec, 'node') },
    { set: 'vms', rules: guardedPorts(spec, 'vm') },
  ] as const;
  return roles.flatMap(({ set, rules }) =>
    familiesOf(sources[set]).flatMap((family) => {
      const match = (own: PortRule[]) =>
        `\t\t${header[family]} daddr @${set}${family} tcp dport { ${own.map(({ port }) => number(port)).join(', ')} }`;
      const jumps = (['nodes', 'fleet'] as const).flatMap((from) => {
        const own = rules.filter((rule) => rule.from === from);
        return own.length > 0 ? [`${match(own)} jump from_${from}`] : [];
      });
      return [...jumps, `${match([...rules])} counter name "dropped_forwarded" drop`];
    }),
  );
}

/**
 * Loads the rules before the network and Docker begin, and again when the distribution's own rules are: `systemctl restart nftables` empties
 * everybody's tables.
 */
export function firewallUnitText({ name }: Pick<ClusterSpec, 'name'>): string {
  const load = `/usr/sbin/nft -f ${firewallFile(name)}`;
  return `${notice}
[Unit]
Description=Firewall rules of Kraken cluster ${name}
DefaultDependencies=no
After=local-fs.target nftables.service
PartOf=nftables.service
ReloadPropagatedFrom=nftables.service
Wants=network-pre.target
Before=network-pre.target docker.service

[Service]
Type=oneshot
RemainAfterExit=yes
ExecStart=${load}
ExecReload=${load}
ExecStop=-/usr/sbin/nft delete table inet ${firewallTable(name)}

[Install]
WantedBy=multi-user.target
`;
}
