import { newestInstall, outdatedInstalls } from '../cluster/agents/install-source';
import type { ClusterSpec } from '../cluster/spec';
import { type AgentListing, lookAtAgents } from './agent-listing';
import { readPolicy, startFleet } from './agents';
import type { Temporal } from './connect';
import type { Context } from './context';
import { type ExitCode, exitCodes } from './exit-codes';
import { CliFailure } from './failure';

export interface DeployEnd {
  spec: ClusterSpec;
  options: { maxFailures?: string; agents?: boolean; timeout?: number };
  /** When the following of the deploy began; one time-out is for both. */
  since: number;
  code: ExitCode;
  /** Of a deploy that was followed to a good end. */
  report?: DescribedEnd;
}

type DescribedEnd = { changed: boolean; tls?: object };

/** After the cluster's deploy: the agents of the record follow as an operation of their own, which this command alone starts. */
export async function endWithAgents(context: Context, temporal: Temporal, end: DeployEnd): Promise<ExitCode> {
  const { options, code, report } = end;
  if (options.agents === false) return code;
  if (report && code === exitCodes.done) return follow(context, temporal, { ...end, report });
  const isLetGo = !report && (code === exitCodes.done || code === exitCodes.detached);
  if (isLetGo) context.output.line(' agents are left to the next krakenctl deploy, or krakenctl agent upgrade');
  return code;
}

async function follow(
  context: Context,
  temporal: Temporal,
  { spec, options, since, code, report }: DeployEnd & { report: DescribedEnd },
): Promise<ExitCode> {
  const { output } = context;
  const listing = await lookAtAgents(temporal, spec);
  // The others get nothing from a load balancer that asks for a login.
  const seen = spec.auth ? { ...listing, enrolled: listing.enrolled.filter((vm) => vm.verified) } : listing;
  const following = whoFollows(seen, report.changed, report.tls !== undefined);
  if (!following) return code;
  output.line();
  output.line(`${following.who} follow (--no-agents leaves them)`);
  const policy = readPolicy(spec, options);
  let fleet: unknown;
  const onReport = (ended: unknown) => {
    fleet = ended;
  };
  try {
    const { verb } = following;
    const timeout = options.timeout && Math.max(1, options.timeout - (Date.now() - since));
    const start = { verb, spec, vms: [], policy, options: { timeout }, onReport };
    const last = await startFleet(context, temporal, start);
    // One answer for both, where a program reads it.
    output.result({ ...report, agents: fleet });
    return last;
  } catch (error) {
    if (!(error instanceof CliFailure) || error.code !== 'OPERATION_RUNNING') throw error;
    // The cluster is as it should be: that the agents have to wait takes nothing of it back.
    output.line(` ! not now: ${error.message}   → after it: krakenctl agent upgrade, or the next deploy`);
    output.result({ ...report, agents: { waiting: error.message } });
    return code;
  }
}

interface Following {
  verb: 'upgrade' | 'publish';
  who: string;
}

/**
 * After a change, VMs that cannot be seen too: they are parked until they are back. Where nothing was changed, those alone that are seen
 * not to be as they should be: a deploy before was let go of, or left them. So are load balancers that were away when /install was published, and VMs that
 * installed themselves and were not given their turn.
 */
export function whoFollows(
  { agents, enrolled, installs }: Pick<AgentListing, 'agents' | 'enrolled' | 'installs'>,
  changed: boolean,
  hasTls = false,
): Following | undefined {
  // Whoever was thrown out is let in by name alone.
  const behind = agents.filter(
    ({ plan, revoked }) => !revoked && (plan.kind === 'work' ? plan.activate || plan.login : changed),
  );
  if (behind.length > 0) return { verb: 'upgrade', who: `${behind.length} of ${agents.length} agents` };
  const areWaiting = newestInstall(installs)?.forAll === false;
  if ((changed || areWaiting) && enrolled.length > 0) return { verb: 'publish', who: 'VMs that installed themselves' };
  const outdated = outdatedInstalls(installs).map(({ host }) => host);
  if (outdated.length > 0)
    return { verb: 'publish', who: `load balancers with an older /install (${outdated.join(', ')})` };
  // Where nobody has installed himself yet, it would ask whoever comes next in the former language.
  if (changed && hasTls && newestInstall(installs)) return { verb: 'publish', who: '/install' };
  return undefined;
}
