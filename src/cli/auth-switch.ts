import { vmName } from '../cluster/agents/vm';
import type { ClusterSpec } from '../cluster/spec';
import { readRoster } from './agent-listing';
import { readPolicy, startFleet } from './agents';
import { readAuthView } from './auth';
import type { Configuration } from './configuration';
import { agree, requireAgreeable } from './confirmation';
import type { Temporal } from './connect';
import type { Context } from './context';
import { type ExitCode, exitCodes } from './exit-codes';
import { CliFailure } from './failure';
import { lookAtCluster } from './inspect';
import type { RunOptions } from './run-options';

interface SwitchOptions extends RunOptions {
  plan?: string;
  agents?: boolean;
  maxFailures?: string;
}

/**
 * ENABLE_AUTH false → true on a running cluster: what will not work any more is said, and agents get their credentials before a load balancer asks for them.
 * The other way round the order is that of every deploy: load balancers ask nobody any more, then agents lose theirs.
 *
 * @returns the exit code where the deploy must not go on
 */
export async function letAgentsIn(
  context: Context,
  temporal: Temporal,
  { configuration, options }: { configuration: Configuration; options: SwitchOptions },
): Promise<ExitCode | undefined> {
  const { spec } = configuration;
  if (!spec.auth) return undefined;
  const { record } = await lookAtCluster(context, configuration, { probe: false });
  if (!record || record.destroyed || record.spec.auth) return undefined;
  // The deploy refuses it with the reason, and no agent is touched before.
  if (record.spec.tls) return undefined;
  const [{ vms, enrolled }, { users }] = await Promise.all([
    readRoster(temporal, spec),
    readAuthView(temporal, spec, spec.auth.key),
  ]);
  context.output.lines(
    tellSwitch({ users: users.length, vms: vms.length, enrolled: enrolled.map((vm) => vm.address) }),
  );
  if (vms.length > 0) requireAgents(vms.length, options);
  const agreement = { action: `ask everybody who comes to ${spec.name} for a login` };
  requireAgreeable(context, agreement);
  await agree(context, agreement);
  if (vms.length === 0) return undefined;
  context.output.line(
    `first ${vms.length} agents get their credentials: ${vms.slice(0, 5).map(vmName).join(' ')}${vms.length > 5 ? ' …' : ''}`,
  );
  // What runs, and a credential: whatever else .env changes comes with the deploy.
  const gated: ClusterSpec = { ...record.spec, ssh: spec.ssh, concurrency: spec.concurrency, auth: spec.auth };
  const policy = readPolicy(spec, { maxFailures: options.maxFailures });
  const code = await startFleet(context, temporal, {
    verb: 'upgrade',
    spec: gated,
    vms: [],
    policy,
    options: { timeout: options.timeout },
  });
  if (code === exitCodes.done || code === exitCodes.partial) return undefined;
  context.output.line(' the load balancers go on without asking anybody; krakenctl deploy goes on from there');
  return code;
}

/** An agent without a credential pulls nothing once they ask. */
function requireAgents(count: number, { agents, detach }: SwitchOptions): void {
  const hint = 'ENABLE_AUTH=true gives them their credentials first: krakenctl deploy';
  if (agents === false) throw new CliFailure('USAGE', `--no-agents: ${count} agents would be refused`, { hint });
  if (detach) throw new CliFailure('USAGE', `--detach: ${count} agents come first, and nobody would go on`, { hint });
}

interface Switch {
  users: number;
  vms: number;
  enrolled: string[];
}

export function tellSwitch({ users, vms, enrolled }: Switch): string[] {
  const few = enrolled.slice(0, 10).join(' ');
  return [
    'ENABLE_AUTH false → true. From the moment at which each load balancer asks, without a break for those who have a login:',
    users > 0
      ? ` ${users} users push or pull after docker login; everybody else is refused`
      : ' nobody may push or pull: there are no users   → krakenctl auth users add NAME --role push',
    ` ${vms} agents go on: each gets its credential before that`,
    ...(enrolled.length > 0
      ? [
          ` ${enrolled.length} VMs that installed themselves are refused until they enrol: ${few}${enrolled.length > 10 ? ' …' : ''}`,
          '   → krakenctl agent deploy VM before this, or install again there with a token (krakenctl agent token create) after it',
        ]
      : []),
    ' /install asks for a token: krakenctl agent token create',
  ];
}
