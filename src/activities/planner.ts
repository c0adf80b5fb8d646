import { explainAtEase } from '../cluster/because';
import { layOut, withHash } from '../cluster/deploy-plan';
import type { desiredState } from '../cluster/desired-state';
import { planDestroy } from '../cluster/destroy-plan';
import { windowOpensIn } from '../cluster/maintenance-window';
import { type ClusterRecord, isSeen } from '../cluster/observed';
import { foreignHosts, judgeOwnership, judgeTakeOver } from '../cluster/ownership';
import type { Plan } from '../cluster/plan';
import { highestRecord, lastGoodOf, newestRecord, nextEpoch } from '../cluster/record';
import type { ClusterSpec } from '../cluster/spec';
import { hasEnded } from '../cluster/tls/walk';
import { judgeWayBack } from '../cluster/undo';
import type { OpenedOperation, PlannerActivities } from '../contracts/activities';
import { foldPlan } from '../contracts/folded-plan';
import { unpackObserved } from '../contracts/packed';
import { keysOf } from './auth-keys';
import type { ActivityDependencies } from './dependencies';
import { ActivityError } from './failures';
import { ownRun } from './heartbeat';
import { render } from './rendering';
import { planTls } from './tls-planner';

/** Of the 2 MB that Temporal takes of a value: an operation's further runs carry its plan with the spec, the state before it and what is shown of it. */
const largestPlan = 1_500_000;

/** Planning for a hundred nodes takes some seconds; in between, activities say that they are alive. */
const breathe = () => new Promise<void>((resolve) => setImmediate(resolve));

/** Before anything is changed. */
function refuseTooLarge(plan: Plan, { nodes }: ClusterSpec): void {
  const bytes = Buffer.byteLength(JSON.stringify(plan));
  if (bytes <= largestPlan) return;
  const megabytes = (size: number) => `${(size / 1e6).toFixed(1)} MB`;
  const text = `the plan for ${nodes.length} nodes has ${megabytes(bytes)}, and no more than ${megabytes(largestPlan)} go through Temporal`;
  const hint = 'fewer load balancers make it smaller: LB_NODES';
  throw new ActivityError('CHANGE_NOT_BUILT', `${text}; nothing was changed`, { final: true, hint });
}

/** Planning is pure; it runs as an activity so that the decision itself is in the history (architecture.md, rule 2). */
export function plannerActivities(
  deps: Pick<ActivityDependencies, 'ownerId' | 'now' | 'authSecrets' | 'vault'>,
): PlannerActivities {
  const { ownerId, now, authSecrets } = deps;
  const renderWith: typeof desiredState = (spec, images) => render(spec, images, deps);
  return {
    async planTls({ observed, ...input }) {
      return planTls(deps, { ...input, observed: await unpackObserved(observed) });
    },
    async planDeploy({ spec, images, observed: crossed, origins, pace, earlierPorts }) {
      // Found missing in the middle, it would be missing too for what takes that back.
      if (spec.auth) keysOf({ authSecrets }, spec, spec.auth.key);
      const observed = await unpackObserved(crossed);
      const desired = renderWith(spec, images);
      const record = newestRecord(observed.hosts.filter(isSeen), spec.nodes.length);
      await breathe();
      const because = await explainAtEase({ record, spec, images, origins, desired, render: renderWith }, breathe);
      const foreign = foreignHosts(observed, ownerId);
      const laidOut = layOut({ spec, desired, observed, because, pace, earlierPorts, nowMs: now() });
      await breathe();
      const plan = withHash(laidOut);
      await breathe();
      const folded = foldPlan(plan);
      refuseTooLarge(folded, spec);
      return { ...folded, ...(foreign.length > 0 && { foreign }) };
    },
    async planDestroy({ observed, ...input }) {
      return planDestroy({ ...input, observed: await unpackObserved(observed) }, ownerId);
    },
    async judgeWayBack({ spec, to, name }) {
      const state = to.spec.tls?.state;
      const isOver = state !== undefined && hasEnded(state.series, now());
      return { ...judgeWayBack(spec, to, name), ...(isOver && { isOver }) };
    },
    async windowOpensIn(input) {
      return windowOpensIn(input);
    },
    async planTakeOver({ observed }) {
      const ownership = judgeOwnership(await unpackObserved(observed), ownerId);
      return { ownership, verdict: judgeTakeOver(ownership) };
    },
    async knownRecord({ observed }) {
      return highestRecord((await unpackObserved(observed)).hosts.filter(isSeen));
    },
    async openOperation({ observed: crossed, operation }) {
      const observed = await unpackObserved(crossed);
      const seen = observed.hosts.filter(isSeen);
      const highest = highestRecord(seen);
      const newest = newestRecord(seen, observed.hosts.length);
      const count = (highest?.counts[operation.verb] ?? 0) + 1;
      return {
        name: `${operation.verb}-${count}`,
        epoch: nextEpoch(seen, now()),
        generation: (highest?.generation ?? 0) + 1,
        run: ownRun(),
        counts: { ...highest?.counts, [operation.verb]: count },
        images: newest?.images ?? {},
        ...(newest && !newest.destroyed && goodStates(newest)),
      };
    },
  };
}

function goodStates(record: ClusterRecord): Pick<OpenedOperation, 'lastGood' | 'before' | 'broughtBy'> {
  const { before, broughtBy, operation } = record;
  const { id, name } = broughtBy ?? operation;
  return { lastGood: lastGoodOf(record), ...(before && { before }), broughtBy: { id, name } };
}
