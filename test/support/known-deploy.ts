import { types } from 'node:util';
import { deserialize, serialize } from 'node:v8';
import type { HostSpec } from '../../src/cluster/spec';
import type { DeployReport } from '../../src/contracts/operation';
import { MemoryHost, type MemoryLab } from './memory-hosts';

/**
 * A first deploy that is known: what it made of a lab in memory, so that not every test which begins with a cluster takes two seconds of a core for the same.
 * That a lab is then as after a deploy is a row of test/workflows/deploy-cluster.test.ts.
 */
export interface KnownDeploy {
  report: Buffer;
  lab: Buffer;
  hosts: { spec: HostSpec; data: Buffer }[];
  instances: { address: string; port: number; data: Buffer }[];
  registry: Buffer;
}

type Data = Record<string, unknown>;

const isData = (value: unknown): boolean => {
  if (typeof value === 'function' || value === undefined) return false;
  if (typeof value !== 'object' || value === null) return true;
  if (value instanceof Map) return [...value.values()].every(isData);
  if (value instanceof Set || Buffer.isBuffer(value)) return true;
  return (
    (Array.isArray(value) || Object.getPrototypeOf(value) === Object.prototype) &&
    Object.values(value).every((v) => v === undefined || isData(v))
  );
};

function dataOf(thing: object, except: string[] = []): Buffer {
  return serialize(
    Object.fromEntries(Object.entries(thing).filter(([name, v]) => !except.includes(name) && isData(v))),
  );
}

/** What comes from bytes is of the realm outside of Jest's, where a Map is none of ours. */
function read(data: Buffer): unknown {
  return ofOurs(deserialize(data));
}

function ofOurs(value: unknown): unknown {
  if (typeof value !== 'object' || value === null || Buffer.isBuffer(value)) return value;
  if (types.isMap(value)) return new Map([...value].map(([key, held]) => [key, ofOurs(held)]));
  if (types.isSet(value)) return new Set([...value].map(ofOurs));
  if (Array.isArray(value)) return Array.from(value, ofOurs);
  return Object.fromEntries(Object.entries(value).map(([name, held]) => [name, ofOurs(held)]));
}

/** What others hold on to stays the same object, with what is in it now. */
function give(thing: object, data: Buffer): void {
  const own = thing as Data;
  for (const [name, value] of Object.entries(read(data) as Data)) {
    const known = own[name];
    if (known instanceof Map) refill(known, value as Map<unknown, unknown>);
    else if (known instanceof Set) for (const one of value as Set<unknown>) known.add(one);
    else if (Array.isArray(known)) known.splice(0, known.length, ...(value as unknown[]));
    else if (typeof known === 'object' && known !== null && !Buffer.isBuffer(known)) Object.assign(known, value);
    else own[name] = value;
  }
}

function refill(map: Map<unknown, unknown>, from: Map<unknown, unknown>): void {
  map.clear();
  for (const [key, value] of from) map.set(key, value);
}

export function remember(lab: MemoryLab, report: DeployReport): KnownDeploy {
  return {
    report: serialize(report),
    lab: dataOf(lab, ['machines']),
    hosts: [...lab.machines.values()].map((host) => ({
      spec: structuredClone(host.host),
      data: dataOf(host, ['host']),
    })),
    instances: [...lab.redisCluster.instances.values()].map((instance) => {
      const { address, port } = instance;
      return { address, port, data: dataOf(instance) };
    }),
    registry: dataOf(lab.registry),
  };
}

/** Onto a lab that nobody has used. */
export function recall(lab: MemoryLab, known: KnownDeploy): DeployReport {
  give(lab, known.lab);
  for (const { spec, data } of known.hosts) {
    const host = new MemoryHost(lab, structuredClone(spec));
    lab.machines.set(spec.id, host);
    give(host, data);
  }
  for (const { address, port, data } of known.instances) give(lab.redisCluster.instance(address, port), data);
  for (const host of lab.machines.values())
    for (const part of ['redis', 'redis-replica'] as const) host.instanceOf(part);
  give(lab.registry, known.registry);
  return read(known.report) as DeployReport;
}
