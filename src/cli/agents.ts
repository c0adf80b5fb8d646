import type { FleetPolicy } from '../cluster/agents/fleet-plan';
import { type AskedVm, type VmAddress, vmAddress, vmName } from '../cluster/agents/vm';
import type { ClusterSpec } from '../cluster/spec';
import { type NamedVm, parseVms, readVmFile } from '../config/vm-names';
import type { FleetInput, FleetVerb } from '../contracts/agents';
import { fleetWorkflowId, workflowTypes } from '../contracts/queues';
import { agreeToRemoval, describeRemoval, requireTargets } from './agent-removal';
import { type Configuration, readConfiguration } from './configuration';
import { requireAgreeable } from './confirmation';
import { type Temporal, withTemporal } from './connect';
import type { Context } from './context';
import type { ExitCode } from './exit-codes';
import { CliFailure } from './failure';
import { parseWholeNumber } from './numbers';
import { makeOperation } from './operation-identity';
import { findPollers, requireWorker } from './pollers';
import { runOperation } from './run-operation';
import type { RunOptions } from './run-options';

/** Operations on agents, from typed words to a started workflow. */
export interface FleetOptions extends RunOptions {
  file?: string;
  concurrency?: string;
  maxFailures?: string;
  canary?: string;
  batch?: string;
  retryFailed?: string;
  acceptNewHostKeys?: boolean;
  all?: boolean;
  forget?: boolean;
}

/** VMs of words and a file, complete and each once. @throws {CliFailure} before any host is contacted. */
export function nameVms(spec: ClusterSpec, words: string[], file?: string): AskedVm[] {
  let named: NamedVm[];
  try {
    named = [...parseVms(words), ...(file === undefined ? [] : readVmFile(file))];
  } catch (error) {
    if (!(error instanceof RangeError)) throw error;
    throw new CliFailure('USAGE', error.message, { cause: error, hint: 'krakenctl agent deploy --help' });
  }
  const nodes = new Map(spec.nodes.map((node) => [node.address, node.id]));
  const seen = new Map<string, AskedVm>();
  for (const vm of named) {
    const node = nodes.get(vm.address);
    if (node) {
      const why = 'an agent and an origin want the same ports';
      throw new CliFailure('USAGE', `${vm.where}: this is ${node} of the cluster; ${why}`, { host: vm.address });
    }
    const full = vmAddress(spec, vm);
    const other = seen.get(vm.address)?.vm;
    if (other !== undefined && other !== full) {
      throw new CliFailure('USAGE', `${vm.where}: named twice, as ${other} and as ${full}; expected each VM once`);
    }
    const { address, user, port } = vm;
    const said = { address, ...(user !== undefined && { user }), ...(port !== undefined && { port }) };
    seen.set(address, { vm: full, target: { ...seen.get(address)?.target, ...said } });
  }
  return [...seen.values()];
}

export interface FleetRequest {
  verb: FleetVerb;
  words: string[];
  options: FleetOptions;
}

export async function operateFleet(context: Context, { verb, words, options }: FleetRequest): Promise<number> {
  const configuration = await readConfiguration(context, { CONCURRENCY: options.concurrency });
  const { spec } = configuration;
  const policy = readPolicy(spec, options);
  const asked = nameVms(spec, words, options.file);
  const named = asked.map(({ vm }) => vm);
  requireSaid(named, options);
  if (verb === 'remove') requireTargets(named, options);
  const isRemoval = verb === 'remove' && !options.forget;
  const removal = isRemoval ? describeRemoval(spec, named, options) : undefined;
  if (removal) requireAgreeable(context, removal);
  return withTemporal({ environment: context.environment }, async (temporal) => {
    requireWorker(await findPollers(temporal));
    const { leftBehind } = require('./left-behind') as typeof import('./left-behind');
    const vms = options.retryFailed ? await leftBehind(temporal, spec, options.retryFailed) : named;
    if (options.retryFailed && vms.length === 0)
      throw new CliFailure('USAGE', `--retry-failed ${options.retryFailed}: it has left no VM`);
    if (verb === 'deploy' && vms.length === 0) {
      throw new CliFailure('USAGE', 'no VM is named', {
        hint: 'krakenctl agent deploy 10.0.2.10 10.0.2.{11..40}, or --file vms.txt',
      });
    }
    if (options.acceptNewHostKeys) {
      const { recordedLogins } = require('./agent-listing') as typeof import('./agent-listing');
      // By the port that will be logged in at.
      const logins = options.retryFailed ? vms : await recordedLogins(temporal, spec, asked);
      await pinVmKeys(context, configuration, logins);
    }
    if (removal) await agreeToRemoval(context, temporal, { removal, spec, vms });
    // What an operation left is the VM, whatever its login was then.
    const targets = options.retryFailed
      ? vms.map((vm) => ({ address: vmName(vm) }))
      : asked.map(({ target }) => target);
    const { forget } = options;
    const start = { verb, spec, vms, named: targets, policy, options, ...(forget && { forget }) };
    return startFleet(context, temporal, start);
  });
}

interface FleetStart extends Pick<FleetInput, 'verb' | 'spec' | 'vms' | 'named' | 'policy' | 'forget'> {
  options: RunOptions;
  onReport?: (report: unknown) => void;
}

export function startFleet(
  context: Context,
  temporal: Temporal,
  { options, onReport, ...wish }: FleetStart,
): Promise<ExitCode> {
  const operation = makeOperation('agents', context.environment);
  const { spec } = wish;
  const owner = { temporal: temporal.address, namespace: temporal.namespace };
  const input: FleetInput = { operation, owner, ...wish };
  const workflowId = fleetWorkflowId(spec.name);
  const start = { type: workflowTypes.fleet, cluster: spec.name, workflowId, operation, input };
  return runOperation(context, temporal, { start, spec, options, onReport });
}

/** No VM at all means every VM of the record: what an empty variable or an empty file says is not that. */
function requireSaid(named: VmAddress[], { file, retryFailed }: FleetOptions): void {
  if (file !== undefined && named.length === 0)
    throw new CliFailure('USAGE', `--file ${file}: names no VM, expected one a line`);
  if (retryFailed === undefined) return;
  if (retryFailed.trim() === '')
    throw new CliFailure('USAGE', '--retry-failed: expected the id or name of an operation', {
      hint: 'krakenctl op list',
    });
  if (named.length > 0) throw new CliFailure('USAGE', '--retry-failed and names of VMs: expected one of them');
}

export function readPolicy(spec: ClusterSpec, options: Omit<FleetOptions, keyof RunOptions>): FleetPolicy {
  const { maxFailures = '0', canary = '1', batch = '100%' } = options;
  return {
    concurrency: spec.concurrency,
    maxFailures: requirePortion('--max-failures', maxFailures, 0),
    canary: parseWholeNumber(canary, { option: '--canary', min: 0 }),
    batch: requirePortion('--batch', batch, 1),
  };
}

/** What can be said of them before anything is read or changed. */
export function checkFleetOptions({ maxFailures, canary, batch }: FleetOptions): void {
  if (maxFailures !== undefined) requirePortion('--max-failures', maxFailures, 0);
  if (canary !== undefined) parseWholeNumber(canary, { option: '--canary', min: 0 });
  if (batch !== undefined) requirePortion('--batch', batch, 1);
}

function requirePortion(option: string, text: string, least: number): string {
  const match = /^(\d{1,6})(%?)$/.exec(text);
  const value = Number(match?.[1]);
  const isGood = match && value >= least && (match[2] === '' || value <= 100);
  if (isGood) return text;
  throw new CliFailure(
    'USAGE',
    `${option} ${text}: expected a whole number from ${least} on, or a percentage such as 10%`,
  );
}

async function pinVmKeys({ output }: Context, { spec }: Configuration, vms: VmAddress[]): Promise<void> {
  const { listAgentsLocally } = require('./local') as typeof import('./local');
  // For their keys alone: how far TLS is, nobody has asked the cluster yet.
  const answers = await listAgentsLocally({ spec: { ...spec, tls: undefined }, vms }, { acceptNewHostKeys: true });
  const seen = answers.filter(({ seen: s }) => s.reachable).length;
  output.note(`host keys of ${seen} of ${vms.length} VMs are pinned in ${spec.ssh.knownHostsPath}`);
}
