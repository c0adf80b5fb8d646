import { ApplicationFailure } from '@temporalio/common';
import { isSeen, type Observed } from '../cluster/observed';
import { newestRecord } from '../cluster/record';
import type { HostActivities, ImageActivities, InspectionActivities, PlannerActivities } from '../contracts/activities';
import type { FailureDetails } from '../contracts/failures';
import type { OperationFailure } from '../contracts/operation';
import { toFailure } from './failures';

type Lookers = HostActivities & ImageActivities & PlannerActivities;

export function inspectionActivities({ observeHost, resolveImages, planDeploy }: Lookers): InspectionActivities {
  return {
    async inspectCluster({ spec, origins, probe }) {
      const hosts = await Promise.all(spec.nodes.map((node) => observeHost({ spec, host: node.id, probe })));
      const observed: Observed = { cluster: spec.name, hosts };
      const record = newestRecord(hosts.filter(isSeen), spec.nodes.length);
      try {
        const images = await resolveImages({ spec, known: record?.images ?? {} });
        const plan = await planDeploy({ spec, images, observed, origins });
        return { observed, record, plan };
      } catch (error) {
        return { observed, record, planFailure: describe(error) };
      }
    },
  };
}

function describe(error: unknown): OperationFailure {
  const failure = toFailure(error);
  if (!(failure instanceof ApplicationFailure)) return { code: 'INTERNAL', message: failure.message };
  const details = (failure.details?.[0] ?? {}) as FailureDetails;
  return { code: failure.type ?? 'INTERNAL', message: failure.message, ...details };
}
