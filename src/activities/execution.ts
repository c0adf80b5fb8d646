import { ApplicationFailure } from '@temporalio/common';
import { failpoints } from '../clients/failpoints';
import type { Activities, StepInput } from '../contracts/activities';
import type { FailureDetails } from '../contracts/failures';
import { toFailure, wasReset } from './failures';
import { failures, keepBeating, ownRun, tellFailure } from './heartbeat';

/** What only looks: a person waits for it, so an error that stays is told soon. */
const looks: ReadonlySet<string> = new Set<keyof Activities>([
  'observeHost',
  'resolveImages',
  'inspectCluster',
  'preflightCluster',
  'listClusters',
  'measureFolders',
  'readLogTail',
  'readFleet',
  'isAgentWanted',
  'resolveAgentImage',
  'planInstalled',
  'lookAtAgent',
  'listAgents',
  'listFirewallHosts',
  'lookAtFirewall',
  'probeFirewall',
  'inspectFirewall',
  'readAuth',
  'planAuth',
  'inspectTls',
  'judgeCertificates',
]);
/** On one of several load balancers, which takes long for a large image and is there: one that is off is left after about three minutes. */
const ofOneOfSeveral: ReadonlySet<string> = new Set<keyof Activities>(['ensureInstallImage', 'publishInstall']);
/** The same on a VM, which is parked then: it is tried again by itself, and holds up no others meanwhile. */
const ofOneVm: ReadonlySet<string> = new Set<keyof Activities>(['ensureAgentImage']);
/**
 * Temporal is not told to count: tries that were handed to a frozen worker count for nothing, and it holds several polls open when it
 * freezes.
 */
const triesOfALook = 4;
/** One try has asked several hosts, each of which waited for its answer. */
const triesOfARegistry = 2;
const triesOfOneOfSeveral = 8;

type AnyActivity = (...args: never[]) => Promise<unknown>;

/**
 * What every activity has around it: it says that it is alive once a second (so that the death of its worker is noticed
 * within the heartbeat timeout, also in the middle of a long call), and what leaves it is a failure with a name.
 */
export function asActivities<T extends object>(activities: T): T {
  const wrapped = Object.entries(activities).map(([name, run]) => [
    name,
    async (...args: never[]) => {
      const stop = keepBeating();
      try {
        refuseReset(args[0]);
        await failpoints?.reach('activity', 'before', name);
        const result = await (run as AnyActivity)(...args);
        await failpoints?.reach('activity', 'after', name);
        return result;
      } catch (error) {
        const failure = withPart(toFailure(error), args[0]);
        if (failure instanceof ApplicationFailure) tellFailure(failure);
        throw finalIfTriedEnough(name, failure);
      } finally {
        stop();
      }
    },
  ]);
  return Object.fromEntries(wrapped) as T;
}

/**
 * A run that Temporal has reset begins anew in the middle of what another has gone on with: its plan would have a load balancer send requests to a node
 * whose parts are away by now.
 */
function refuseReset({ run }: Partial<StepInput> = {}): void {
  if (run === undefined || run === ownRun()) return;
  throw wasReset();
}

/** An Engine that could not start a part: what that wrote before it ended says more. */
function withPart(failure: Error, input: Partial<StepInput> = {}): Error {
  const isOfPart = failure instanceof ApplicationFailure && failure.type === 'ENGINE_ERROR';
  const { kind, part, host } = input.step ?? {};
  if (!isOfPart || kind !== 'container' || !part) return failure;
  const [details] = (failure.details ?? []) as FailureDetails[];
  return againAs(failure, { details: [{ host, ...details, part }] });
}

function finalIfTriedEnough(name: string, failure: Error): Error {
  if (!(failure instanceof ApplicationFailure) || failure.nonRetryable) return failure;
  if (failures() < enoughFor(name, failure.type)) return failure;
  if (!ofOneVm.has(name)) return againAs(failure, { nonRetryable: true });
  const [details] = (failure.details ?? []) as FailureDetails[];
  return againAs(failure, { details: [{ ...details, mayPass: true }], nonRetryable: true });
}

function enoughFor(name: string, code: string | null | undefined): number {
  if (ofOneOfSeveral.has(name) || ofOneVm.has(name)) return triesOfOneOfSeveral;
  if (!looks.has(name)) return Number.POSITIVE_INFINITY;
  return code === 'REGISTRY_UNREACHABLE' ? triesOfARegistry : triesOfALook;
}

function againAs(failure: ApplicationFailure, change: { details?: FailureDetails[]; nonRetryable?: boolean }) {
  const { message, type, details, cause, nonRetryable } = failure;
  const same = { message, type: type ?? undefined, details: details ?? [], cause, nonRetryable: nonRetryable === true };
  return ApplicationFailure.create({ ...same, ...change });
}
