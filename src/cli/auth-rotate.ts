import { vmName } from '../cluster/agents/vm';
import type { ClusterSpec } from '../cluster/spec';
import { forgetFormerSecrets } from '../config/auth-secret';
import type { DeployInput } from '../contracts/operation';
import { workflowTypes } from '../contracts/queues';
import { readRoster } from './agent-listing';
import { readPolicy, startFleet } from './agents';
import { type AuthOptions, type KeyedConfiguration, readAuthView, readKeyed, runChange } from './auth';
import { type Temporal, withTemporal } from './connect';
import type { Context } from './context';
import { type ExitCode, exitCodes } from './exit-codes';
import { CliFailure } from './failure';
import { lookAtCluster } from './inspect';
import { makeOperation } from './operation-identity';
import { findPollers, requireWorker } from './pollers';
import { runOperation } from './run-operation';

export interface RotateOptions extends AuthOptions {
  maxFailures?: string;
}

interface Rotation {
  configuration: KeyedConfiguration;
  /** What runs, with the new secret: nothing else of `.env` comes along. */
  spec: ClusterSpec;
  options: RotateOptions;
}

/**
 * The cluster goes by the AUTH_SECRET that `.env` has now. Both let in until every agent has its new credential; each step is an operation of its own and
 * finds what is done already, so that the same command goes on where it was cut.
 */
export async function rotateSecret(context: Context, options: RotateOptions): Promise<ExitCode> {
  const configuration = await readKeyed(context);
  const { fingerprint } = configuration.keys;
  if (!configuration.spec.auth)
    throw new CliFailure('USAGE', 'nobody needs a login: ENABLE_AUTH is false', {
      hint: 'ENABLE_AUTH=true, then krakenctl deploy',
    });
  const { record, observed } = await lookAtCluster(context, configuration, { probe: false });
  const [unseen] = observed.hosts.flatMap((host) => (host.reachable ? [] : [host]));
  if (unseen)
    throw new CliFailure('HOST_UNREACHABLE', `${unseen.host}: ${unseen.error}; every host is needed for this`, {
      host: unseen.host,
      retryable: true,
      hint: 'krakenctl status',
    });
  if (!record?.spec.auth || record.destroyed)
    throw new CliFailure('USAGE', 'the cluster asks nobody for a login yet', { hint: 'krakenctl deploy' });
  const former = record.spec.auth.key;
  const spec: ClusterSpec = {
    ...record.spec,
    ssh: configuration.spec.ssh,
    nodes: configuration.spec.nodes,
    concurrency: configuration.spec.concurrency,
    auth: { key: fingerprint },
  };
  return withTemporal({ environment: context.environment }, async (temporal) => {
    requireWorker(await findPollers(temporal));
    const rotation = { configuration: { ...configuration, spec }, spec, options };
    if (former === fingerprint && (await readAuthView(temporal, spec, fingerprint)).former === undefined)
      throw new CliFailure('USAGE', 'AUTH_SECRET is the one that the cluster has: there is nothing to rotate', {
        hint: 'put another one into .env: openssl rand -base64 32',
      });
    return rotate(context, temporal, rotation, former);
  });
}

async function rotate(context: Context, temporal: Temporal, rotation: Rotation, former: string): Promise<ExitCode> {
  const { configuration, spec, options } = rotation;
  const steps: { what: string; run: () => Promise<ExitCode> }[] = [
    {
      what: '1/4 the load balancers let in by both secrets',
      run: () =>
        former === spec.auth!.key
          ? Promise.resolve(exitCodes.done)
          : runChange(context, temporal, {
              configuration,
              asked: { change: { kind: 'rotate', former }, summary: 'both secrets let in', options },
            }),
    },
    { what: '2/4 agents get their new credentials', run: () => renewAgents(context, temporal, rotation) },
    { what: '3/4 the cluster goes by the new secret', run: () => record(context, temporal, rotation) },
    {
      what: '4/4 the former secret lets nobody in any more',
      run: () =>
        runChange(context, temporal, {
          configuration,
          asked: { change: { kind: 'rotated' }, summary: 'the former secret lets nobody in', options },
        }),
    },
  ];
  for (const [i, { what, run }] of steps.entries()) {
    context.output.line(what);
    const code = await run();
    // A load balancer that lacks the new hashes would refuse agents that have the new credential; VMs that are left come to it by themselves.
    const goesOn = code === exitCodes.done || (code === exitCodes.partial && i === 1);
    if (goesOn) continue;
    context.output.line(' the former secret lets in as before; krakenctl auth rotate goes on from there');
    return code;
  }
  forgetFormerSecrets(spec.name, spec.auth!.key, context.environment);
  return exitCodes.done;
}

async function renewAgents(context: Context, temporal: Temporal, { spec, options }: Rotation): Promise<ExitCode> {
  const { vms } = await readRoster(temporal, spec);
  if (vms.length === 0) return exitCodes.done;
  context.output.line(` ${vms.length} agents: ${vms.slice(0, 5).map(vmName).join(' ')}${vms.length > 5 ? ' …' : ''}`);
  const policy = readPolicy(spec, { maxFailures: options.maxFailures });
  return startFleet(context, temporal, {
    verb: 'upgrade',
    spec,
    vms: [],
    policy,
    options: { timeout: options.timeout },
  });
}

function record(context: Context, temporal: Temporal, { configuration, spec, options }: Rotation): Promise<ExitCode> {
  const operation = makeOperation('deploy', context.environment, options.reason ?? 'auth rotate');
  const owner = { temporal: temporal.address, namespace: temporal.namespace };
  const input: DeployInput = { operation, spec, origins: configuration.origins, owner };
  const start = { type: workflowTypes.deploy, cluster: spec.name, operation, input };
  return runOperation(context, temporal, {
    start,
    spec,
    options: { timeout: options.timeout, waitLock: options.waitLock },
  });
}
