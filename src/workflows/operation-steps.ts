import { ApplicationFailure, patched } from '@temporalio/workflow';
import type { ResolvedImages } from '../cluster/desired';

import type { Plan, Step } from '../cluster/plan';
import type { ClusterSpec } from '../cluster/spec';
import type { OpenedOperation, OperationLine } from '../contracts/activities';
import type { CrossedObserved } from '../contracts/crossed';
import type { FailureCode, FailureDetails } from '../contracts/failures';
import { unfoldStages } from '../contracts/folded-plan';
import type { Decision, OperationIdentity, OwnerIdentity, SpecOrigins } from '../contracts/operation';
import { effects, lookers, planners } from './activities';
import { fewAtOnce, settledFewAtOnce } from './few-at-once';

/** What operations have in common, whatever they are about. */

export async function observe(spec: ClusterSpec): Promise<CrossedObserved> {
  const look = (host: string) =>
    lookers.observeHost.executeWithOptions({ summary: `look at ${host}` }, [{ spec, host, probe: false, pack: true }]);
  return { cluster: spec.name, hosts: await fewAtOnce(spec.nodes, (node) => look(node.id)) };
}

export function final(type: FailureCode, message: string, told: string | FailureDetails): ApplicationFailure {
  const details = typeof told === 'string' ? { hint: told } : told;
  return ApplicationFailure.create({ type, message, nonRetryable: true, details: [details] });
}

/** What would still be to do after all was done. */
export async function lookAgain(
  input: { origins: SpecOrigins },
  spec: ClusterSpec,
  images: ResolvedImages,
): Promise<Plan> {
  const observed = await observe(spec);
  return planners.planDeploy({ spec, images, observed, origins: input.origins });
}

/** What is not as it should be, in words; empty is what success means. */
export function leftover(plan: Plan): string[] {
  const unseen = plan.unseen.map((u) => `${u.host} cannot be seen`);
  return [...unseen, ...stepsOf(plan).map((step) => step.summary)];
}

/** A host that was away for a moment has its Redis masters elsewhere; handing them back moves no data and replaces nothing. */
export function isRedisAlone(plan: Plan): boolean {
  return plan.unseen.length === 0 && stepsOf(plan).length > 0 && stepsOf(plan).every((step) => step.kind === 'redis');
}

/** Without logins: who may come in may change at any moment, and whoever changes it brings it to the load balancers. */
function stepsOf(plan: Plan): Step[] {
  const steps = unfoldStages(plan)
    .filter((s) => s.id !== 'record')
    .flatMap((s) => s.steps);
  const others = steps.filter((step) => step.kind !== 'credentials');
  return others.length < steps.length && patched('logins-change-meanwhile') ? others : steps;
}

/** Another krakenctl's hosts, before anything is changed; the claim looks again under the fence. */
export function refuseForeign(foreign: { host: string; why: string }[] = []): void {
  if (foreign.length === 0) return;
  const text = foreign.map((f) => `${f.host}: ${f.why}`).join('; ');
  const hint = 'work through that Temporal, or, where it is lost: krakenctl cluster take-over';
  throw final('FOREIGN_OWNER', text, hint);
}

export async function claim(
  { spec, owner }: { spec: ClusterSpec; owner: OwnerIdentity },
  hosts: string[],
  epoch: number,
): Promise<void> {
  await fewAtOnce(hosts, (host) =>
    effects.claimHost.executeWithOptions({ summary: `${host}: claim for epoch ${epoch}` }, [
      { spec, host, epoch, owner },
    ]),
  );
}

export interface OperationEnd {
  input: { spec: ClusterSpec; operation: OperationIdentity };
  opened: OpenedOperation;
  planHash: string;
  startedAt: number;
  decisions: Decision[];
  result: OperationLine['result'];
}

/** What people said about an operation; nothing where they said nothing. */
export function spokenOf({
  input,
  decisions,
}: {
  input: { operation: OperationIdentity };
  decisions: Decision[];
}): Pick<OperationLine, 'reason' | 'decisions'> {
  const { reason } = input.operation;
  return { ...(reason && { reason }), ...(decisions.length > 0 && { decisions }) };
}

/** A line on every host that takes it; one that does not is no reason to fail. */
export async function noteOperation(end: OperationEnd, hosts: string[]): Promise<void> {
  const { input, opened } = end;
  const { spec, operation } = input;
  const line: OperationLine = {
    id: operation.id,
    name: opened.name,
    verb: operation.verb,
    actor: operation.actor,
    startedAt: new Date(end.startedAt).toISOString(),
    endedAt: new Date().toISOString(),
    result: end.result,
    planHash: end.planHash,
    generation: opened.generation,
    ...spokenOf(end),
  };
  const note = (host: string) =>
    effects.appendOperation.executeWithOptions({ summary: `${host}: note the end`, scheduleToCloseTimeout: '60s' }, [
      { spec, host, epoch: opened.epoch, line },
    ]);
  await settledFewAtOnce(hosts, note);
}
