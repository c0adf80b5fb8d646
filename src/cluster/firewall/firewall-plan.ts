import { createHash } from 'node:crypto';
import { vmName } from '../agents/vm';
import type { FirewallLook, SeenFirewall } from './observed';

export type FirewallAction = 'apply' | 'off';

/** What an operation on the rules does where, and in which order. */
export interface FirewallPlan {
  cluster: string;
  action: FirewallAction;
  hash: string;
  /** Nothing to do on any host that could be seen. */
  empty: boolean;
  hosts: PlannedFirewall[];
  /** One after the other, before any other host: the first of each role. */
  canaries: string[];
  /** What stands in the way; final. */
  conflicts: { host: string; what: string; mend: string }[];
  unseen: { host: string; role: 'node' | 'vm'; error: string }[];
  /** Nodes that another krakenctl looks after; final. Known to whoever made the plan, and no part of its hash. */
  foreign?: { host: string; why: string }[];
}

export interface PlannedFirewall {
  host: string;
  /** What a person calls it. */
  name: string;
  role: 'node' | 'vm';
  /** Of the rules that shall be there. */
  sum: string;
  changes: boolean;
  /** Rules are put on trial; otherwise they are kept already, and what brings them back at a start is missing. */
  loads: boolean;
  /** Why, for a person. */
  because: string[];
}

/** Each host is tens of events of one history, and each of them gets a list of all. */
export const mostFirewalls = 1000;

interface PlanInput {
  cluster: string;
  action: FirewallAction;
  looks: FirewallLook[];
}

export function planFirewall({ cluster, action, looks }: PlanInput): FirewallPlan {
  const seen = looks.filter((look): look is SeenFirewall => look.reachable);
  const hosts = seen.map((look) => (action === 'apply' ? planApply(look) : planOff(look)));
  const changing = hosts.filter(({ changes }) => changes);
  const canaries = (['node', 'vm'] as const).flatMap((role) => changing.find((h) => h.role === role)?.host ?? []);
  const conflicts = action === 'apply' ? [...tooMany(looks), ...seen.flatMap(conflictsOf)] : [];
  const unseen = looks.flatMap((look) =>
    look.reachable ? [] : [{ host: look.host, role: look.role, error: look.error }],
  );
  const hash = createHash('sha256')
    .update(JSON.stringify([cluster, action, hosts, unseen.map((u) => u.host)]))
    .digest('hex');
  const order = { canaries: action === 'apply' ? canaries : [], conflicts, unseen };
  return { cluster, action, hash, empty: changing.length === 0, hosts, ...order };
}

function planApply(look: SeenFirewall): PlannedFirewall {
  const { host, role, sum } = look;
  const name = nameOf(host);
  const loading = loadingReasons(look);
  const because = [...loading, ...keepingReasons(look)];
  return { host, name, role, sum, changes: because.length > 0, loads: loading.length > 0, because };
}

/** A VM by its address, as everywhere. */
function nameOf(host: string): string {
  return host.includes('@') ? vmName(host) : host;
}

function loadingReasons({ sum, loaded, keptSum, trialSum }: SeenFirewall): string[] {
  if (trialSum !== undefined) return ['rules of an earlier apply were neither kept nor taken back'];
  if (loaded === 'none') return [keptSum === undefined ? 'no rules are loaded' : 'its rules are not loaded any more'];
  if (loaded === 'other') return ['the loaded rules were changed by another hand'];
  return keptSum === sum ? [] : ['the rules are others now'];
}

function keepingReasons({ loaded, keptSum, unit, enabled }: SeenFirewall): string[] {
  // Where there were never any it goes without saying.
  if (loaded === 'none' && keptSum === undefined) return [];
  return unit && enabled ? [] : ['the rules do not come back when the host starts'];
}

/** A note of rules that were taken back is a trace too. */
function planOff(look: SeenFirewall): PlannedFirewall {
  const { host, role, sum, loaded, keptSum, trialSum, unitPresent, reverted } = look;
  const isThere =
    loaded !== 'none' || unitPresent || [keptSum, trialSum, reverted].some((trace) => trace !== undefined);
  const because = isThere ? ['it has rules of this cluster'] : [];
  return { host, name: nameOf(host), role, sum, changes: isThere, loads: false, because };
}

function conflictsOf({ host, missing, error }: SeenFirewall): FirewallPlan['conflicts'] {
  const programs = missing.map((program) => ({
    host: nameOf(host),
    what: `${program} is missing`,
    mend: mendOf(program),
  }));
  if (programs.length > 0 || error === undefined) return programs;
  return [
    {
      host: nameOf(host),
      what: `nft does not work: ${error}`,
      mend: 'see that its kernel has nf_tables: modprobe nf_tables',
    },
  ];
}

function mendOf(program: string): string {
  if (program === 'nft') return 'apt-get install nftables';
  return program === 'unshare' || program === 'flock'
    ? 'apt-get install util-linux'
    : 'rules come back by systemd: run it there';
}

function tooMany(looks: FirewallLook[]): FirewallPlan['conflicts'] {
  if (looks.length <= mostFirewalls) return [];
  const what = `${looks.length} hosts, and more than ${mostFirewalls} at once are not built yet`;
  return [{ host: 'the fleet', what, mend: 'use a network policy of the VMs themselves' }];
}
