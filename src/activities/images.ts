import { ClientError, ImageMissingError, RegistryUnreachableError } from '../clients/errors';
import type { HostConnection, TransferProgress } from '../clients/host';
import type { ResolvedImages } from '../cluster/desired';
import { requiredImages } from '../cluster/desired-state';
import { isImagePresent, runsOn } from '../cluster/image';
import type { ClusterSpec } from '../cluster/spec';
import type { Changed, HostPlatform, ImageActivities, StepInput } from '../contracts/activities';
import { type ActivityDependencies, connectTo, fenced } from './dependencies';
import { ActivityError } from './failures';
import { beat, cancellation } from './heartbeat';

/** Beats queue behind the image's bytes on a slow line; still shorter than the heartbeat timeout of streams. */
const streamPatienceSeconds = 8;

export function imageActivities(deps: ActivityDependencies): ImageActivities {
  return {
    async resolveImages({ spec, known, hosts = [] }) {
      const references = requiredImages(spec);
      const digests = await (spec.images.source === 'load'
        ? identifyLocally(deps, { spec, references, hosts })
        : resolveThroughHosts(deps, { spec, references, known, hosts }));
      return Object.fromEntries(references.map((reference, i) => [reference, digests[i]!]));
    },
    async ensureImage(input) {
      const { spec, epoch, step } = input;
      const scope = { spec, host: step.host, epoch, patienceSeconds: streamPatienceSeconds };
      return fenced(deps, scope, (connection) => bringImage(deps, connection, input));
    },
  };
}

async function identifyLocally(
  deps: ActivityDependencies,
  { spec, references, hosts }: Omit<Resolution, 'known'>,
): Promise<string[]> {
  return Promise.all(
    references.map(async (reference) => {
      const image = await deps.archives.identify(reference, spec.images.archiveDir);
      if (image) {
        refuseOtherPlatform(reference, image.platform ? [image.platform] : [], hosts);
        return image.id;
      }
      const where = spec.images.archiveDir
        ? `in ${spec.images.archiveDir} nor in the worker's engine`
        : "in the worker's engine";
      throw new ActivityError('IMAGE_MISSING', `${reference} is not ${where}`, {
        final: true,
        hint: 'docker pull it there, or put its `docker save` archive into IMAGE_ARCHIVE_DIR',
      });
    }),
  );
}

interface Resolution {
  spec: ClusterSpec;
  references: string[];
  /** Digests of the record: what holds when the registry cannot be asked now. */
  known: ResolvedImages;
  hosts: HostPlatform[];
}

const hostsAtOnce = 4;

/** Asked by a host, since the hosts are those who will pull; any host will do. Others are asked at once: a silent registry takes each its time. */
async function resolveThroughHosts(deps: ActivityDependencies, resolution: Resolution): Promise<string[]> {
  const { spec, references, known, hosts } = resolution;
  const resolveOn = async (id: string) => {
    const connection = await connectTo(deps, spec, id);
    return Promise.all(references.map((reference) => resolveOne(connection, reference, { known, hosts })));
  };
  let failure: unknown;
  for (let from = 0; from < spec.nodes.length; from += from === 0 ? 1 : hostsAtOnce) {
    const group = spec.nodes.slice(from, from === 0 ? 1 : from + hostsAtOnce);
    const answers = await Promise.allSettled(group.map(({ id }) => resolveOn(id)));
    const answer = answers.find((a) => a.status === 'fulfilled');
    if (answer) return answer.value;
    const failures = answers.flatMap((a) => (a.status === 'rejected' ? [a.reason as unknown] : []));
    failure = failures.find((f) => f instanceof ImageMissingError || !(f instanceof ClientError)) ?? failures[0];
    if (failure instanceof ImageMissingError || !(failure instanceof ClientError)) throw failure;
    // What several hosts say alike, the next ones need not be asked.
    if (from > 0 && failures.every((f) => f instanceof RegistryUnreachableError)) break;
  }
  throw failure;
}

async function resolveOne(
  connection: HostConnection,
  reference: string,
  { known, hosts }: Pick<Resolution, 'known' | 'hosts'>,
): Promise<string> {
  const recorded = known[reference];
  const found = await connection.engine.resolve(reference).catch((error: unknown) => {
    // A registry that is down must not keep a running cluster from being mended with what it runs already.
    if (recorded !== undefined && !(error instanceof ImageMissingError)) return { digest: recorded, platforms: [] };
    throw error;
  });
  refuseOtherPlatform(reference, found.platforms, hosts);
  return found.digest;
}

/** The Engine takes an image for another machine without a word; its program would end in "exec format error", half way. */
function refuseOtherPlatform(reference: string, platforms: string[], hosts: HostPlatform[]): void {
  const other = hosts.find(({ platform }) => !runsOn(platforms, platform));
  if (other === undefined) return;
  const { host, platform } = other;
  throw new ActivityError('IMAGE_PLATFORM', `${reference} is for ${platforms.join(', ')}, ${host} is ${platform}`, {
    host,
    final: true,
    hint: `build or copy the image for ${platform}`,
  });
}

async function bringImage(deps: ActivityDependencies, connection: HostConnection, input: StepInput): Promise<Changed> {
  const reference = input.step.target;
  const digest = input.step.expect ?? '';
  if (await isPresent(connection, reference, digest)) return { changed: false };
  const report = (p: TransferProgress) => beat({ step: input.step.summary, ...p });
  if (input.spec.images.source === 'load') {
    const archive = await deps.archives.open(reference, input.spec.images.archiveDir);
    const known = (p: TransferProgress) => report({ ...p, totalBytes: archive.bytes });
    try {
      await connection.engine.load(archive.stream, known, cancellation());
    } finally {
      // A host that goes off in the middle reads no further, and whoever keeps the archive waits for its readers.
      archive.stream.destroy();
    }
  } else {
    await connection.engine.pull(reference, report, cancellation());
  }
  if (await isPresent(connection, reference, digest)) return { changed: true };
  throw new ActivityError('IMAGE_MOVED', `${reference} is another image now than when it was resolved (${digest})`, {
    host: connection.host.id,
    final: true,
    hint: 'the tag was moved in the meantime; deploy again: krakenctl deploy',
  });
}

async function isPresent(connection: HostConnection, reference: string, digest: string): Promise<boolean> {
  return isImagePresent(await connection.engine.images(), reference, digest);
}
