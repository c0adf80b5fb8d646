import { ApplicationFailure } from '@temporalio/common';
import { isSeen, type Observed, type ObservedHost } from '../cluster/observed';
import { newestRecord } from '../cluster/record';
import type { HostActivities, ImageActivities, InspectionActivities, PlannerActivities } from '../contracts/activities';
import type { AgentActivities } from '../contracts/agents';
import type { FailureDetails } from '../contracts/failures';
import type { InspectInput, Inspection, OperationFailure } from '../contracts/operation';
import { packInspection, unpackHost } from '../contracts/packed';
import { countAgents, courseOf, isForAgents, whyUncounted } from '../contracts/tls-course';
import { ActivityError, codeOf, toFailure } from './failures';

type Lookers = HostActivities & ImageActivities & PlannerActivities & Pick<AgentActivities, 'readFleet'>;

export function inspectionActivities({
  observeHost,
  resolveImages,
  planDeploy,
  planTls,
  readFleet,
}: Lookers): InspectionActivities {
  return {
    async inspectCluster({ pack, ...input }) {
      const inspection = await inspect(input);
      return pack ? packInspection(inspection) : inspection;
    },
  };

  async function inspect({ spec, origins, probe, pace }: InspectInput): Promise<Inspection> {
    // One host that refuses us must not hide the others from whoever asks what is going on.
    const look = (host: string, as = spec) =>
      observeHost({ spec: as, host, probe })
        .then(unpackHost)
        .catch(
          (error): ObservedHost => ({ host, reachable: false, error: describe(error).message, code: codeOf(error) }),
        );
    const hosts = await Promise.all(spec.nodes.map((node) => look(node.id)));
    const observed: Observed = { cluster: spec.name, hosts };
    const record = newestRecord(hosts.filter(isSeen), spec.nodes.length);
    try {
      const platforms = hosts.filter(isSeen).map(({ host, platform }) => ({ host, platform }));
      const images = await resolveImages({ spec, known: record?.images ?? {}, hosts: platforms });
      if (!spec.tls && !record?.spec.tls) {
        const plan = await planDeploy({ spec, images, observed, origins, pace });
        return { observed, record, plan };
      }
      const way = await planTls({ spec, observed });
      const now = way.specs.slice(0, 1);
      const waits = isForAgents(way, way.specs) ? undefined : await readFleet({ spec, enrolled: 'addresses' });
      const why = waits && whyUncounted(waits);
      if (why) throw new ActivityError('HOST_UNREACHABLE', why, { final: true });
      const { specs, told } = courseOf(way, now, waits && countAgents(waits));
      const [state = spec] = specs;
      const again = { cluster: spec.name, hosts: await Promise.all(spec.nodes.map((node) => look(node.id, state))) };
      const plan = await planDeploy({ spec: state, images, observed: again, origins, pace });
      return { observed: again, record, plan, tls: told };
    } catch (error) {
      return { observed, record, planFailure: describe(error) };
    }
  }
}

function describe(error: unknown): OperationFailure {
  const failure = toFailure(error);
  if (!(failure instanceof ApplicationFailure)) return { code: 'INTERNAL', message: failure.message };
  const details = (failure.details?.[0] ?? {}) as FailureDetails;
  return { code: failure.type ?? 'INTERNAL', message: failure.message, ...details };
}
