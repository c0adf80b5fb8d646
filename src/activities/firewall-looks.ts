import { ClientError } from '../clients/errors';
import type { ReachTarget } from '../clients/host';
import type { VmAddress } from '../cluster/agents/vm';
import type { FirewallLook } from '../cluster/firewall/observed';
import { type FirewallHost, firewallHost, namelessHosts, portRules } from '../cluster/firewall/rules';
import { firewallDifferences, type WantedFirewall, wantedFirewall } from '../cluster/firewall/wanted';
import type { ClusterSpec } from '../cluster/spec';
import type { FirewallCuts, FirewallTarget } from '../contracts/firewall';
import { type ActivityDependencies, connectTo } from './dependencies';

/** What is seen of a host's rules, by itself and by the others. */

export async function lookAtRules(
  deps: ActivityDependencies,
  { spec, host: id }: FirewallTarget,
  vms: VmAddress[],
): Promise<FirewallLook> {
  const host = firewallHost(spec, id);
  const { role } = host;
  try {
    const hosts = deps.hostsFor(spec, role);
    const { rules, unitSum, ...facts } = await hosts.use(host.host, ({ firewall }) => firewall.observe(spec.name));
    // Where it is switched off a host may be known by a name, of which no rules can be made.
    const wanted = tryWanted(spec, vms, host);
    return {
      host: id,
      role,
      reachable: true,
      ...facts,
      sum: wanted?.sum ?? '',
      unit: wanted !== undefined && unitSum === wanted.unitSum,
      unitPresent: unitSum !== undefined,
      differences: wanted ? firewallDifferences({ spec, vms, host, loaded: rules }) : [],
      dropped: rules?.dropped ?? [],
    };
  } catch (error) {
    // One host that refuses us must not hide the others from whoever asks.
    if (error instanceof ClientError) return { host: id, role, reachable: false, error: error.message };
    throw error;
  }
}

function tryWanted(spec: ClusterSpec, vms: VmAddress[], host: FirewallHost): WantedFirewall | undefined {
  return namelessHosts(spec, vms).length > 0 ? undefined : wantedFirewall(spec, vms, host);
}

/**
 * Whether rules on trial cut the cluster itself: a node whose packets come from another address than the one that it is known by is an outsider to
 * them. A port that refuses is open, and what another node says counts only where it says something.
 */
export async function tryWays(deps: ActivityDependencies, { spec, host: id }: FirewallTarget): Promise<FirewallCuts> {
  const { role, host } = firewallHost(spec, id);
  const shared = portRules(spec, { id, role, host }).filter(({ from }) => from !== 'itself' && from !== 'operators');
  const targets = shared.map(({ port }) => ({ address: host.address, port }));
  const others = spec.nodes.filter((node) => node.id !== id);
  const answers = await Promise.all(
    others.map(async (node) => ({ from: node.id, silent: await silentFrom(deps, spec, { node: node.id, targets }) })),
  );
  const asked = answers.filter(({ silent }) => silent !== undefined);
  return {
    tried: asked.length * targets.length,
    cut: asked.flatMap(({ from, silent = [] }) => silent.map(({ port }) => ({ from, port }))),
  };
}

interface Asking {
  node: string;
  targets: ReachTarget[];
}

/** Undefined where that node cannot be asked. Silence is asked for twice: a busy host may miss one. */
async function silentFrom(
  deps: ActivityDependencies,
  spec: ClusterSpec,
  { node, targets }: Asking,
): Promise<ReachTarget[] | undefined> {
  try {
    const { preflight } = await connectTo(deps, spec, node);
    const silent = async (asked: ReachTarget[]) =>
      (await preflight.reach(asked)).filter(({ result }) => result === 'silent');
    return await silent(await silent(targets));
  } catch (error) {
    // perl is missing there, or it is away.
    if (error instanceof ClientError) return undefined;
    throw error;
  }
}
