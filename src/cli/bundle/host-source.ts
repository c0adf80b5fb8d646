import { partsOf } from '../../cluster/component';
import { containerName, recordFolder } from '../../cluster/names';
import { portNumbersOf } from '../../cluster/port-conflicts';
import { kernelSettings } from '../../cluster/preflight/machine';
import { type ClusterSpec, partNames } from '../../cluster/spec';
import { toCliFailure } from '../failure';
import { type LocalHost, withHost } from '../local';
import type { Collected, Missing, Source } from './bundle';

/** One host, read over SSH from this machine: record, containers, logs, Redis. */

const logLines = 500;

export function hostSource(spec: ClusterSpec, id: string): Source {
  return { name: `hosts/${id}`, collect: () => withHost(spec, id, (host) => collectHost(spec, host)) };
}

type Read = [path: string, read: () => Promise<unknown>];

async function collectHost(spec: ClusterSpec, host: LocalHost): Promise<Collected> {
  const folder = `hosts/${host.host.id}`;
  const query = {
    cluster: spec.name,
    ports: portNumbersOf(spec, host.host),
    folders: ['/var/lib/docker', '/var/lib/kraken', '/var/lib/krakenctl', '/etc', '/var/log'],
    settings: kernelSettings.map((setting) => setting.name),
  };
  const reads: Read[] = [
    [
      `${folder}/facts.json`,
      async () => ({ ...(await host.preflight.machine(query)), engine: await host.engine.version() }),
    ],
    [`${folder}/containers.json`, () => readContainers(spec, host)],
    ...recordReads(spec, host, folder),
    ...logReads(spec, host, folder),
    ...redisReads(spec, host, folder),
  ];
  const answers = await Promise.all(reads.map(attempt));
  const files = Object.fromEntries(answers.flatMap((a) => ('content' in a ? [[a.path, a.content]] : [])));
  return { files, missing: answers.flatMap((a) => ('why' in a ? [a] : [])) };
}

async function attempt([path, read]: Read): Promise<{ path: string; content: unknown } | Missing> {
  try {
    const content = await read();
    return content === undefined ? { what: path, why: 'it does not exist' } : { path, content };
  } catch (error) {
    return { what: path, why: toCliFailure(error).message };
  }
}

function readContainers(spec: ClusterSpec, { host, engine }: LocalHost) {
  const names = partNames.map((part) => containerName(spec.name, host.id, part));
  return engine.list({ cluster: spec.name, names });
}

function recordReads({ name }: ClusterSpec, { files }: LocalHost, folder: string): Read[] {
  return ['state.json', 'owner.json', 'epoch', 'operations.jsonl'].map((file) => [
    `${folder}/record/${file}`,
    async () => (await files.read(`${recordFolder(name)}/${file}`))?.toString('utf8'),
  ]);
}

function logReads(spec: ClusterSpec, { host, engine }: LocalHost, folder: string): Read[] {
  const node = spec.nodes.find((n) => n.id === host.id)!;
  return partsOf(spec, node).map((part) => [
    `${folder}/logs/${part}.log`,
    () => engine.logs(containerName(spec.name, host.id, part), { tail: logLines, timestamps: true }),
  ]);
}

/** In the words of `CLUSTER NODES`. */
function redisReads({ ports }: ClusterSpec, host: LocalHost, folder: string): Read[] {
  return [ports.redis, ports.redisReplica].map((port) => [
    `${folder}/redis/cluster-nodes-${port}.txt`,
    async () => {
      const nodes = await host.redis(port).clusterNodes();
      return nodes
        .map(({ id, address, port: at, flags, masterId = '-', linkState, slots }) =>
          [id, `${address}:${at}`, flags.join(','), masterId, linkState, ...slots.map(([a, b]) => `${a}-${b}`)].join(
            ' ',
          ),
        )
        .map((line) => `${line}\n`)
        .join('');
    },
  ]);
}
