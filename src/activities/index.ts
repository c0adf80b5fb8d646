import type { Activities } from '../contracts/activities';
import { agentActivities } from './agents';
import { authActivities } from './auth';
import { clusterListActivities } from './cluster-list';
import { containerActivities } from './containers';
import type { ActivityDependencies } from './dependencies';
import { asActivities } from './execution';
import { fileActivities } from './files';
import { firewallActivities } from './firewall';
import { fleetActivities } from './fleet';
import { folderActivities } from './folders';
import { gateActivities } from './gates';
import { hostActivities } from './hosts';
import { imageActivities } from './images';
import { inspectionActivities } from './inspection';
import { installedActivities } from './installed-vms';
import { liveActivities } from './live';
import { logActivities } from './log-tail';
import { plannerActivities } from './planner';
import { preflightActivities } from './preflight';
import { proofActivities } from './proof';
import { recordActivities } from './records';
import { redisActivities } from './redis-cluster';
import { runActivities } from './runs';
import { stewardActivities } from './steward';
import { tlsActivities } from './tls';

/** All activities over one set of clients. */
export function createActivities(deps: ActivityDependencies): Activities {
  const fleets = fleetActivities(deps);
  const lookers = { ...hostActivities(deps), ...imageActivities(deps), ...plannerActivities(deps) };
  return asActivities({
    ...lookers,
    ...inspectionActivities({ ...lookers, ...fleets }),
    ...clusterListActivities(deps),
    ...containerActivities(deps),
    ...fileActivities(deps),
    ...folderActivities(deps),
    ...liveActivities(deps),
    ...logActivities(deps),
    ...redisActivities(deps),
    ...gateActivities(deps),
    ...preflightActivities(deps),
    ...recordActivities(deps),
    ...runActivities(),
    ...proofActivities(deps),
    ...agentActivities(deps),
    ...authActivities(deps),
    ...fleets,
    ...installedActivities(deps, fleets),
    ...firewallActivities(deps, fleets),
    ...tlsActivities(deps),
    ...stewardActivities(deps),
  });
}
