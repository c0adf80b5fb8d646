import { explainChanges } from '../cluster/because';
import { planDeploy } from '../cluster/deploy-plan';
import type { desiredState } from '../cluster/desired-state';
import { planDestroy } from '../cluster/destroy-plan';
import { windowOpensIn } from '../cluster/maintenance-window';
import { type ClusterRecord, isSeen } from '../cluster/observed';
import { foreignHosts, judgeOwnership, judgeTakeOver } from '../cluster/ownership';
import { highestRecord, lastGoodOf, newestRecord, nextEpoch } from '../cluster/record';
import { judgeWayBack } from '../cluster/undo';
import type { OpenedOperation, PlannerActivities } from '../contracts/activities';
import { foldPlan } from '../contracts/folded-plan';
import type { ActivityDependencies } from './dependencies';
import { ownRun } from './heartbeat';
import { render } from './rendering';
import { planTls } from './tls-planner';

/** Planning is pure; it runs as an activity so that the decision itself is in the history (architecture.md, rule 2). */
export function plannerActivities(deps: Pick<ActivityDependencies, 'ownerId' | 'now' | 'vault'>): PlannerActivities {
  const { ownerId, now } = deps;
  const renderWith: typeof desiredState = (spec, images) => render(spec, images, deps);
  return {
    async planTls(input) {
      return planTls(deps, input);
    },
    async planDeploy({ spec, images, observed, origins, pace }) {
      const desired = renderWith(spec, images);
      const record = newestRecord(observed.hosts.filter(isSeen), spec.nodes.length);
      const because = explainChanges({ record, spec, images, origins, desired, render: renderWith });
      const foreign = foreignHosts(observed, ownerId);
      const plan = foldPlan(planDeploy({ spec, desired, observed, because, pace }));
      return { ...plan, ...(foreign.length > 0 && { foreign }) };
    },
    async planDestroy(input) {
      return planDestroy(input, ownerId);
    },
    async judgeWayBack({ spec, to, name }) {
      return judgeWayBack(spec, to, name);
    },
    async windowOpensIn(input) {
      return windowOpensIn(input);
    },
    async planTakeOver({ observed }) {
      const ownership = judgeOwnership(observed, ownerId);
      return { ownership, verdict: judgeTakeOver(ownership) };
    },
    async knownRecord({ observed }) {
      return highestRecord(observed.hosts.filter(isSeen));
    },
    async openOperation({ observed, operation }) {
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
