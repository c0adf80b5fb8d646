import { eachOf } from '../clients/each-of';
import type { Acknowledged, HostConnection } from '../clients/host';
import { dataFolder } from '../cluster/names';
import { healthFilter, healthInterval } from '../cluster/render/kraken';
import type { ClusterSpec } from '../cluster/spec';
import type { GateActivities } from '../contracts/activities';
import { deadlineOf } from './deadline';
import { type ActivityDependencies, connectTo, connectToOther } from './dependencies';
import { ActivityError } from './failures';
import { beat, pause } from './heartbeat';
import { hasLoneBlob } from './lone-blob';

const lookAgainMs = 300;
const askedAtOnce = 8;
/** Clocks of worker, Temporal and hosts differ. */
const marginSeconds = 30;
/** Kraken takes any; backends are chosen by it, and ours is for all. */
const namespace = 'krakenctl';
/**
 * From this gate on, the others need no longer to take a part back in their lists and rings: so many good looks and a refresh of the ring
 * (`render/kraken.ts`), of which the canary and the load balancers took two seconds.
 */
const usualSettledMs = (healthFilter.passes + 0.5) * Number.parseInt(healthInterval, 10) * 1000;

type Input = Parameters<GateActivities['awaitCaughtUp']>[0];

/**
 * What others took in while a node was away is on them and in their backend, which with testfs is a node of its own. A client that asks for it is
 * sent to the node that is back, since the ring says that it belongs there, and its 404 is the answer. So before the next node may go, this one has it.
 */
export async function awaitCaughtUp(deps: ActivityDependencies, input: Input) {
  const { spec, gate, sinceMs, timeoutMs } = input;
  const deadline = deadlineOf(deps, timeoutMs);
  const node = await connectTo(deps, spec, gate.host);
  const done = { blobs: new Set<string>(), tags: new Set<string>() };
  const settledAt = deps.now() + (gate.settled ? (deps.settledMs ?? usualSettledMs) : 0);
  for (;;) {
    const isSettled = deps.now() >= settledAt;
    const seconds = (deps.now() - sinceMs) / 1000;
    const [taken, own] = await Promise.all([
      takenInElsewhere(deps, spec, { host: gate.host, seconds }),
      node.traffic.acknowledged(recent(spec, seconds)),
    ]);
    // Most was copied to it as usual; what is on its disk is not asked for one by one.
    for (const hex of own.blobs) done.blobs.add(hex);
    for (const { name } of own.tags) done.tags.add(name);
    const blobs = taken.blobs.filter((hex) => !done.blobs.has(hex));
    const tags = taken.tags.filter(({ name }) => !done.tags.has(name));
    const missing: string[] = [];
    await eachOf(blobs, askedAtOnce, async (hex) => {
      if ((await hasBlob(node, spec, hex)) || (await isLone(deps, spec, { host: gate.host, hex }))) done.blobs.add(hex);
      else missing.push(`blob ${hex.slice(0, 12)}`);
    });
    await eachOf(tags, askedAtOnce, async (tag) => {
      if (await takesTag(node, spec, tag)) done.tags.add(tag.name);
      else missing.push(`tag ${tag.name}`);
    });
    beat({ gate: 'caught-up', host: gate.host, missing: missing.length });
    if (missing.length === 0 && isSettled) return { blobs: taken.blobs.length, tags: taken.tags.length };
    if (missing.length > 0 && deps.now() > deadline) throw lacks(gate.host, missing);
    await pause(lookAgainMs);
  }
}

function lacks(host: string, missing: string[]): ActivityError {
  const text = `gate caught-up: ${host} lacks what others took in while it was away: ${missing.slice(0, 3).join(', ')}`;
  const more = missing.length > 3 ? ` and ${missing.length - 3} more` : '';
  const part = missing.some((what) => what.startsWith('blob')) ? 'origin' : 'build-index';
  return new ActivityError('GATE_NOT_READY', text + more, {
    host,
    part,
    final: true,
    hint: `krakenctl logs ${host} origin; krakenctl logs ${host} build-index`,
  });
}

async function takenInElsewhere(
  deps: ActivityDependencies,
  spec: ClusterSpec,
  { host, seconds }: { host: string; seconds: number },
): Promise<Acknowledged> {
  const others = spec.nodes.filter((node) => node.id !== host);
  const lists = await Promise.all(
    others.map(async ({ id }) => (await connectTo(deps, spec, id)).traffic.acknowledged(recent(spec, seconds))),
  );
  return {
    blobs: [...new Set(lists.flatMap((list) => list.blobs))],
    tags: [...new Map(lists.flatMap((list) => list.tags).map((tag) => [tag.name, tag])).values()],
  };
}

function recent({ name }: ClusterSpec, seconds: number) {
  return {
    origin: `${dataFolder(name, 'origin')}/cache`,
    buildIndex: `${dataFolder(name, 'build-index')}/cache`,
    seconds: seconds + marginSeconds,
  };
}

/** True too for a blob that does not belong there. One that does, and is not there, is asked for: the origin then takes it from its backend. */
async function hasBlob(node: HostConnection, spec: ClusterSpec, hex: string): Promise<boolean> {
  const { origin: port } = spec.ports;
  const digest = `sha256:${hex}`;
  const path = `/internal/namespace/${namespace}/blobs/${digest}`;
  const isThere = async () => (await node.http({ port, path: `${path}?local=true`, method: 'HEAD' })).status === 200;
  if (await isThere()) return true;
  const { status, headers } = await node.http({ port, path: `/blobs/${digest}/locations` });
  // An error says nothing of where it belongs.
  if (status !== 200) return false;
  const { address } = spec.nodes.find(({ id }) => id === node.host.id)!;
  if (!String(headers['origin-locations'] ?? '').includes(`${address}:${port}`)) return true;
  await node.http({ port, path: `${path}/metainfo` });
  return isThere();
}

/** Nobody shall have it but the one that has: an operation was ended while it tried that node through an agent. */
async function isLone(deps: ActivityDependencies, spec: ClusterSpec, { host, hex }: { host: string; hex: string }) {
  const others = spec.nodes.filter(({ id }) => id !== host);
  const found = await Promise.all(
    others.map(async ({ id }) => hasLoneBlob(await connectToOther(deps, spec, id), spec, hex).catch(() => false)),
  );
  return found.includes(true);
}

/** As its neighbours do when they take one in; a tag that it has stays as it is. */
async function takesTag(
  node: HostConnection,
  spec: ClusterSpec,
  tag: { name: string; digest: string },
): Promise<boolean> {
  const path = `/tags/${encodeURIComponent(tag.name)}/digest/${tag.digest}`;
  const { status } = await node.http({ port: spec.ports.buildIndex, path, method: 'PUT', body: Buffer.alloc(0) });
  return status === 200;
}
