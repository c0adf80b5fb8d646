import { createHash } from 'node:crypto';
import { capabilitiesOf, components, mountsOf, partsOf, pidsLimit, readinessOf } from './component';
import type {
  DesiredContainer,
  DesiredFile,
  DesiredHost,
  DesiredRedisInstance,
  DesiredState,
  ResolvedImages,
} from './desired';
import { configFolder, containerName } from './names';
import { slotRange } from './redis-topology';
import { renderFiles } from './render/files';
import { nginxConfigSum } from './render/nginx';
import { redisFixedSum } from './render/redis';
import { type ClusterSpec, type HostSpec, type PartName, partNames } from './spec';
import { tlsFiles } from './tls/files';
import type { Signers } from './tls/material';

/**
 * What each host should carry. The same spec and images give the same bytes; the order of the nodes counts, since it says who
 * replicates whom, and nothing else does.
 */
export function desiredState(spec: ClusterSpec, images: ResolvedImages, signers: Signers = nobody): DesiredState {
  const hosts = spec.nodes.map((node) => desiredHost({ spec, node, images, signers }));
  const redis = desiredRedis(spec);
  const sums = hosts.map((host) => [
    host.host,
    host.files.map((file) => [file.path, file.mode, file.sha256]),
    host.containers.map((c) => [c.name, c.fingerprint, c.memoryBytes, c.nanoCpus]),
  ]);
  return { cluster: spec.name, hosts, redis, hash: sha256(JSON.stringify([spec.name, sums, redis])) };
}

export function imageReference(spec: ClusterSpec, part: PartName): string {
  return components[part].image(spec);
}

/** References of all parts, each once, in start order. */
export function requiredImages(spec: ClusterSpec): string[] {
  return [...new Set(partNames.map((part) => imageReference(spec, part)))];
}

/** Each node carries a master and the replica of the node's before it, so that no node takes a whole shard with it. */
export function desiredRedis(spec: ClusterSpec): DesiredRedisInstance[] {
  const { nodes, ports } = spec;
  return nodes.flatMap(({ id: host, address }, i): DesiredRedisInstance[] => [
    { host, part: 'redis', address, port: ports.redis, role: 'master', slots: slotRange(i, nodes.length) },
    {
      ...{ host, part: 'redis-replica', address, port: ports.redisReplica, role: 'replica' },
      follows: nodes.at(i - 1)!.id,
    },
  ]);
}

const nobody: Signers = () => undefined;

function sha256(text: string): string {
  return createHash('sha256').update(text).digest('hex');
}

interface HostInput {
  spec: ClusterSpec;
  node: HostSpec;
  images: ResolvedImages;
  signers: Signers;
}

function desiredHost({ spec, node, images, signers }: HostInput): DesiredHost {
  const parts = partsOf(spec, node).map((part) => {
    const files = [...desiredFiles(spec, node, part), ...tlsFiles({ spec, node, part, signers })];
    return { files, container: desiredContainer({ spec, node, part, files, images }) };
  });
  return {
    host: node.id,
    files: parts.flatMap((part) => part.files),
    containers: parts.map((part) => part.container),
  };
}

/** Readable for all: there is no secret in them, and some images read them as a user of their own. */
const fileMode = 0o644;

function desiredFiles(spec: ClusterSpec, node: HostSpec, part: PartName): DesiredFile[] {
  return Object.entries(renderFiles(spec, node, part)).map(([name, contents]) => ({
    host: node.id,
    part,
    path: `${configFolder(spec.name, part)}/${name}`,
    mode: fileMode,
    contents,
    sha256: sha256(contents),
    ...(components[part].live && { fixedSha256: redisFixedSum(contents) }),
  }));
}

interface ContainerInput {
  spec: ClusterSpec;
  node: HostSpec;
  part: PartName;
  files: DesiredFile[];
  images: ResolvedImages;
}

/** @throws {Error} when nobody has said what the part's image is. */
function desiredContainer({ spec, node, part, files, images }: ContainerInput): DesiredContainer {
  const { command, tmpfs, readOnlyRoot, reloads, live } = components[part];
  const image = imageReference(spec, part);
  const imageDigest = images[image];
  if (imageDigest === undefined) throw new Error(`${image} was not resolved`);
  const { memoryBytes, cpus } = spec.limits[part];
  const made = {
    name: containerName(spec.name, node.id, part),
    host: node.id,
    part,
    image,
    imageDigest,
    command: command(spec, node),
    mounts: mountsOf(spec, part),
    tmpfs: [...tmpfs],
    memoryBytes,
    nanoCpus: Math.round(cpus * 1e9),
    capAdd: capabilitiesOf(spec, part),
    readOnlyRoot,
    pidsLimit,
    logMaxSizeBytes: spec.logs.maxSizeBytes,
    logMaxFiles: spec.logs.maxFiles,
    restartPolicy: 'unless-stopped' as const,
    readiness: readinessOf(spec, part),
  };
  const ingredients = ingredientsOf(made, reloads ? [] : files);
  const fingerprint = sha256(JSON.stringify(Object.entries(ingredients)));
  const reloadSum = reloads ? nginxConfigSum(files[0]!.contents) : undefined;
  return { ...made, ingredients, fingerprint, ...(live && { live: live(spec) }), ...(reloadSum && { reloadSum }) };
}

/** Sorted by name. Whatever is not here changes without a new container: readiness, limits, and what the running part takes. */
function ingredientsOf(
  made: Omit<DesiredContainer, 'ingredients' | 'fingerprint'>,
  files: DesiredFile[],
): Record<string, string> {
  const sum = (value: unknown) => sha256(JSON.stringify(value));
  return {
    capabilities: sum(made.capAdd),
    command: sum(made.command),
    confinement: sum(['no-new-privileges', made.readOnlyRoot, made.pidsLimit]),
    ...(files.length > 0 && { config: sum(files.map((f) => [f.path, f.fixedSha256 ?? f.sha256])) }),
    // The digest itself, not a sum of it, so that a plan can name both images.
    image: made.imageDigest,
    logging: sum([made.logMaxSizeBytes, made.logMaxFiles]),
    mounts: sum(made.mounts),
    restart: sum(made.restartPolicy),
    tmpfs: sum(made.tmpfs),
  };
}
