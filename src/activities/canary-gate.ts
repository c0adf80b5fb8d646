import { WrongContentError } from '../clients/errors';
import type { HostConnection, HttpRequest } from '../clients/host';
import { pullByDigest, pushTinyImage, verifyContent } from '../clients/registry';
import type { ClusterSpec } from '../cluster/spec';
import type { GateActivities } from '../contracts/activities';
import type { GateBeat } from '../contracts/gate-beat';
import type { OperationIdentity } from '../contracts/operation';
import { announce, canaryInfoHash, canaryTag, findAnnounced } from './canary';
import { deadlineOf } from './deadline';
import { type ActivityDependencies, connectTo } from './dependencies';
import { ActivityError } from './failures';
import { beat, pause } from './heartbeat';

const lookAgainMs = 500;
/** A heartbeat is written at every try. */
const longestTold = 300;
const repository = 'krakenctl-canary/rollout';

/**
 * An image through the parts of one node that is out of the load balancers: pushed and pulled through its proxy, its blob read from its
 * origin, its tag from its build-index, its meta-info and an announce from its tracker. Rings settle while this is tried again.
 */
export async function awaitCanary(
  deps: ActivityDependencies,
  { spec, gate, operation, timeoutMs }: Parameters<GateActivities['awaitCanary']>[0],
): Promise<void> {
  const deadline = deadlineOf(deps, timeoutMs);
  const connection = await connectTo(deps, spec, gate.host);
  const canary: Canary = { deps, spec, operation, connection };
  for (;;) {
    const failure = await tryCanary(canary);
    if (failure === undefined) return;
    if (failure.isWrong) throw failed(canary, failure);
    const { part, what } = failure;
    beat({ gate: 'canary', host: gate.host, failure: { part, what: what.slice(0, longestTold) } } satisfies GateBeat);
    if (deps.now() > deadline) throw failed(canary, failure);
    await pause(lookAgainMs);
  }
}

interface Canary {
  deps: ActivityDependencies;
  spec: ClusterSpec;
  operation: OperationIdentity;
  connection: HostConnection;
}

interface CanaryFailure {
  part: 'proxy' | 'origin' | 'build-index' | 'tracker';
  what: string;
  /** Somebody served other bytes than were asked for: no waiting makes that right. */
  isWrong: boolean;
}

function failed({ connection }: Canary, { part, what }: CanaryFailure): ActivityError {
  const host = connection.host.id;
  return new ActivityError('CANARY_FAILED', `gate canary: ${part} of ${host}: ${what}`, {
    host,
    part,
    final: true,
    hint: `krakenctl logs ${host} ${part}`,
  });
}

/** What failed first; undefined when all of it went well. */
async function tryCanary(canary: Canary): Promise<CanaryFailure | undefined> {
  const { spec, operation, connection } = canary;
  const tag = canaryTag(operation);
  let part: CanaryFailure['part'] = 'proxy';
  try {
    const image = { port: spec.ports.proxy, repository, tag, contents: `${operation.id} ${connection.host.id}` };
    const { digest } = await pushTinyImage(connection, image);
    await pullByDigest(connection, { port: spec.ports.proxy, repository, digest });
    part = 'build-index';
    await expectTag(canary);
    part = 'origin';
    await expectBlob(canary, digest);
    part = 'tracker';
    await expectMetaInfo(canary, digest);
    await expectAnnounce(canary);
    return undefined;
  } catch (error) {
    const what = error instanceof Error ? error.message : String(error);
    return { part, what, isWrong: error instanceof WrongContentError };
  }
}

async function ask(connection: HostConnection, request: HttpRequest): Promise<Buffer> {
  const response = await connection.http({ ...request, timeoutMs: 5000 });
  if (response.status === 200) return response.body;
  throw new Error(`GET ${request.path}: HTTP ${response.status} ${response.body.toString().trim().slice(0, 200)}`);
}

/**
 * A build-index keeps the first digest that a tag ever had (`writeTagToDisk` ignores "exists"), so only a tag that always names the same image tells
 * right from wrong.
 */
async function expectTag({ spec, connection }: Canary): Promise<void> {
  const image = {
    port: spec.ports.proxy,
    repository,
    tag: 'always',
    contents: 'krakenctl: this tag always names this image',
  };
  const { digest } = await pushTinyImage(connection, image);
  const path = `/tags/${encodeURIComponent(`${repository}:${image.tag}`)}`;
  const said = (await ask(connection, { port: spec.ports.buildIndex, path })).toString().trim();
  if (said !== digest)
    throw new WrongContentError(
      `${repository}:${image.tag} is ${digest} and it says ${said.slice(0, 100)}`,
      connection.host.id,
    );
}

/** From this very origin, which has it from the push or takes it from the backend. */
async function expectBlob({ spec, connection }: Canary, digest: string): Promise<void> {
  const path = `/namespace/${encodeURIComponent(repository)}/blobs/${digest}`;
  const body = await ask(connection, { port: spec.ports.origin, path });
  verifyContent(connection.host.id, body, digest);
}

/** The tracker has it from an origin; this node's own says whether it is right. */
async function expectMetaInfo({ spec, connection }: Canary, digest: string): Promise<void> {
  const path = `/namespace/${encodeURIComponent(repository)}/blobs/${digest}/metainfo`;
  const right = (await ask(connection, { port: spec.ports.origin, path: `/internal${path}` })).toString().trim();
  if (!right.includes(digest.slice('sha256:'.length)))
    throw new Error(`the origin's meta-info of ${digest} names another blob`);
  const said = (await ask(connection, { port: spec.ports.tracker, path })).toString().trim();
  if (said !== right)
    throw new WrongContentError(`its meta-info of ${digest} is another than the origin's`, connection.host.id);
}

async function expectAnnounce({ deps, spec, operation, connection }: Canary): Promise<void> {
  const infoHash = canaryInfoHash(`${operation.id} ${connection.host.id}`);
  await announce(connection, spec.ports.tracker, infoHash);
  if ((await findAnnounced(deps, spec, infoHash)) === undefined)
    throw new Error('it took an announce, and no Redis master has it');
}
