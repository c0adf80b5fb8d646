import { dataFolder } from '../cluster/names';
import type { ClusterSpec } from '../cluster/spec';
import type { GateActivities } from '../contracts/activities';
import type { GateBeat } from '../contracts/gate-beat';
import { deadlineOf } from './deadline';
import { type ActivityDependencies, connectTo } from './dependencies';
import { beat, pause } from './heartbeat';

const lookAgainMs = 250;
/** An upload that nobody has written to for so long is one that nobody goes on with. */
const openUploadSeconds = 15;

/** A node is quiet when no load balancer has a connection to it and no upload that lies on it is being written. */
export async function awaitQuiet(
  deps: ActivityDependencies,
  { spec, gate, timeoutMs }: Parameters<GateActivities['awaitQuiet']>[0],
): Promise<{ quiet: boolean }> {
  const deadline = deadlineOf(deps, timeoutMs);
  for (;;) {
    const left = await underWay(deps, spec, gate);
    beat({ gate: 'quiet', host: gate.host, ...left } satisfies GateBeat);
    if (left.connections === 0 && left.uploads === 0) return { quiet: true };
    if (deps.now() > deadline) return { quiet: false };
    await pause(lookAgainMs);
  }
}

type QuietGate = Parameters<GateActivities['awaitQuiet']>[0]['gate'];

async function underWay(deps: ActivityDependencies, spec: ClusterSpec, { host, earlier }: QuietGate) {
  const { address } = spec.nodes.find((n) => n.id === host)!;
  const ports = [spec.ports, ...(earlier ? [earlier] : [])].flatMap((p) => [p.proxy, p.tracker, p.buildIndex]);
  const targets = [...new Set(ports)].map((port) => ({ address, port }));
  const node = await connectTo(deps, spec, host);
  const balancers = await Promise.all(spec.loadBalancers.map((id) => connectTo(deps, spec, id)));
  const [uploads, ...connections] = await Promise.all([
    node.traffic.recentFiles(`${dataFolder(spec.name, 'proxy')}/upload`, openUploadSeconds),
    ...balancers.map((balancer) => balancer.traffic.towards(targets)),
  ]);
  return { uploads, connections: connections.reduce((sum, n) => sum + n, 0) };
}
