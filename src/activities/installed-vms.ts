import { ClientError } from '../clients/errors';
import { recordedVms } from '../cluster/agents/fleet-record';
import { type EnrolledVm, joinEnrolled } from '../cluster/agents/install-source';
import { type InstalledWish, judgeInstalled, lateOf, planInstalled } from '../cluster/agents/installed-vms';
import { vmName } from '../cluster/agents/vm';
import type { ClusterSpec } from '../cluster/spec';
import type { AgentActivities, InstalledWave } from '../contracts/agents';
import type { GateBeat } from '../contracts/gate-beat';
import { renderRelease } from './agent-release';
import { type ActivityDependencies, connectTo, fenced } from './dependencies';
import { beat, pause } from './heartbeat';

type Verbs = 'planInstalled' | 'giveTurns' | 'awaitInstalled';

/** They look every five minutes. */
const betweenLooksMs = 10_000;
/** Names in a heartbeat. */
const namesTold = 3;

/** VMs that nobody logs in to: they are given turns, and say themselves how it went. */
export function installedActivities(
  deps: ActivityDependencies,
  { readFleet }: Pick<AgentActivities, 'readFleet'>,
): Pick<AgentActivities, Verbs> {
  return {
    async planInstalled({ spec, digest, policy }) {
      const { record, enrolled } = await readFleet({ spec });
      const ours = new Set(recordedVms(record).map(vmName));
      const { id } = renderRelease({ spec, digest }, deps);
      return planInstalled(
        // Where logins are needed, the others get nothing from a load balancer.
        enrolled.filter(({ address, verified }) => !ours.has(address) && (verified || !spec.auth)),
        id,
        policy,
      );
    },
    async giveTurns({ spec, host, epoch, sentinel, to }) {
      const image = sentinel && `${sentinel.repository}@${sentinel.digest}`;
      return fenced(deps, { spec, host, epoch, realm: 'agents' }, ({ installs }) =>
        installs.giveTurns(spec.name, { epoch, sentinel: image, to }),
      );
    },
    awaitInstalled: (wave) => awaitInstalled(deps, wave),
  };
}

async function awaitInstalled(deps: ActivityDependencies, wave: InstalledWave) {
  const { spec, addresses, untilMs, mayLeave } = wave;
  const wish: InstalledWish = wave;
  for (;;) {
    const vms = await heardBy(deps, spec);
    const { there, waiting, left } = judgeInstalled(addresses, vms, wish);
    const told = { there: there.length, of: addresses.length, waiting: waiting.slice(0, namesTold) };
    beat({ gate: 'installed', ...told } satisfies GateBeat);
    const isOver = deps.now() >= untilMs;
    if (waiting.length === 0 || left.length > mayLeave || isOver)
      return { there: there.length, left: [...left, ...(isOver ? lateOf(waiting, vms, wish) : [])] };
    await pause(deps.betweenLooksMs ?? betweenLooksMs);
  }
}

/** By all load balancers that answer: a VM tells each of them. */
async function heardBy(deps: ActivityDependencies, spec: ClusterSpec): Promise<EnrolledVm[]> {
  const heard = await Promise.allSettled(
    spec.loadBalancers.map(async (host) => (await connectTo(deps, spec, host)).installs.look(spec.name)),
  );
  const failures = heard.flatMap((answer) => (answer.status === 'rejected' ? [answer.reason] : []));
  const broken = failures.find((failure) => !(failure instanceof ClientError));
  if (broken) throw broken;
  if (failures.length === heard.length) throw failures[0];
  return joinEnrolled(heard.flatMap((answer) => (answer.status === 'fulfilled' ? [answer.value.enrolled] : [])));
}
