import type { VmAddress } from '../agents/vm';
import { firewallScript, firewallUnitText } from '../render/firewall';
import type { ClusterSpec } from '../spec';
import type { LoadedRules } from './loaded';
import { firewallSum } from './names';
import { showNetwork } from './networks';
import { type FirewallHost, isFiltered, type PortRule, portRules, type Source, setsOf, sourcesOf } from './rules';

/** What a host shall carry, and how what it carries differs. */

export interface WantedFirewall {
  rules: PortRule[];
  text: string;
  sum: string;
  unit: string;
  unitSum: string;
}

export function wantedFirewall(spec: ClusterSpec, vms: VmAddress[], host: FirewallHost): WantedFirewall {
  const text = firewallScript(spec, vms, host);
  const unit = firewallUnitText(spec);
  return { rules: portRules(spec, host), text, sum: firewallSum(text), unit, unitSum: firewallSum(unit) };
}

/** Difference of a port or of a set of addresses; lists are cut, since a fleet has thousands. */
export type FirewallDifference =
  | { port: number; what: string; was: Source | 'anyone' | 'unknown'; shall: Source | 'anyone' }
  | { set: string; added: string[]; removed: string[]; more: number };

const shownElements = 10;

export interface Compared {
  spec: ClusterSpec;
  vms: VmAddress[];
  host: FirewallHost;
  loaded?: LoadedRules;
}

export function firewallDifferences(compared: Compared): FirewallDifference[] {
  return [...portDifferences(compared), ...setDifferences(compared)];
}

function portDifferences({ spec, host, loaded }: Compared): FirewallDifference[] {
  const rules = portRules(spec, host);
  const shall = new Map(rules.filter((rule) => isFiltered(spec, rule)).map(({ port, from }) => [port, from]));
  const is = new Map(loaded?.ports.map(({ port, from }) => [port, from]));
  const ports = [...new Set([...shall.keys(), ...is.keys()])].sort((a, b) => a - b);
  return ports.flatMap((port) => {
    const difference = { was: is.get(port) ?? 'anyone', shall: shall.get(port) ?? 'anyone' } as const;
    if (difference.was === difference.shall) return [];
    return [{ port, what: rules.find((rule) => rule.port === port)?.what ?? 'no port of ours', ...difference }];
  });
}

/** Where nothing is loaded the ports say it all. */
function setDifferences({ spec, vms, host, loaded }: Compared): FirewallDifference[] {
  if (!loaded) return [];
  const sources = sourcesOf(spec, vms);
  const rules = portRules(spec, host).filter((rule) => isFiltered(spec, rule));
  const used = new Set(
    ['nodes' as const, 'fleet' as const, ...rules.map(({ from }) => from)].flatMap((from) => setsOf[from]),
  );
  return [...used].flatMap((set) => {
    const is = [4, 6].flatMap((family) => loaded.sets[`${set}${family}`] ?? []);
    const shall = sources[set].map(showNetwork);
    const [had, has] = [new Set(is), new Set(shall)];
    const added = shall.filter((text) => !had.has(text));
    const removed = is.filter((text) => !has.has(text));
    if (added.length + removed.length === 0) return [];
    const cut = (texts: string[]) => texts.slice(0, shownElements);
    const more = added.length + removed.length - cut(added).length - cut(removed).length;
    return [{ set, added: cut(added), removed: cut(removed), more }];
  });
}
