import type { HostConnection, RedisClusterNode, RedisInstance, TlsClient } from '../clients/host';
import type { Vault } from '../clients/vault';
import type { ClusterSpec, TlsState } from '../cluster/spec';
import { httpsPorts, languagesOf, redisTlsOffset } from '../cluster/tls/languages';
import { identityOf, SignerMissingError, serverName, trustedBy } from '../cluster/tls/material';
import { ActivityError } from './failures';

/**
 * How krakenctl itself speaks with the parts of a host: in TLS as soon as they understand it, and with Redis when the parts do. `eitherWay` is for looking:
 * what runs may be another state than the one that is wanted, so who does not speak TLS is asked without it. Looks go through SSH to the host's own
 * loopback.
 */
export interface Tongue {
  spec: ClusterSpec;
  state: TlsState;
  vault: Vault;
  eitherWay?: boolean;
}

export function speaking(connection: HostConnection, tongue: Tongue): HostConnection {
  const { spec, eitherWay } = tongue;
  const tls = clientOf(connection, tongue);
  if (!tls) return connection;
  const secure = httpsPorts(spec);
  const redisPorts = [spec.ports.redis, spec.ports.redisReplica];
  const { asks, bus } = languagesOf({ tls: { lifetimeSeconds: 1, state: tongue.state } });
  const redis = (port: number): RedisInstance => {
    if (!redisPorts.includes(port)) return connection.redis(port);
    const named = (instance: RedisInstance) => withPorts(instance, redisPorts, bus === 'tls');
    const plain = named(connection.redis(port));
    if (asks === 'plain' && !eitherWay) return plain;
    const inTls = named(connection.redis(port + redisTlsOffset, tls));
    return eitherWay ? firstThatAnswers(asks === 'tls' ? [inTls, plain] : [plain, inTls]) : inTls;
  };
  const http: HostConnection['http'] = (request) =>
    connection.http(
      secure.includes(request.port) ? { ...request, tls: { ...tls, ...(eitherWay && { orPlain: true }) } } : request,
    );
  return Object.create(connection, { redis: { value: redis }, http: { value: http } }) as HostConnection;
}

/** Undefined where this worker has no keys and only looks. */
export function clientOf(connection: HostConnection, { spec, state, vault, eitherWay }: Tongue): TlsClient | undefined {
  try {
    const bearer = { cluster: spec.name, node: connection.host, part: 'krakenctl' as const };
    const signers = (id: string) => vault.signer(id);
    return { ...identityOf(state, bearer, signers), trusted: trustedBy(state, signers), name: serverName };
  } catch (error) {
    if (!(error instanceof SignerMissingError)) throw error;
    if (eitherWay) return undefined;
    throw keysMissing(error);
  }
}

export function keysMissing({ message }: SignerMissingError): ActivityError {
  return new ActivityError('TLS_KEYS_MISSING', message, {
    final: true,
    hint: 'copy secrets/tls of the worker that deployed this cluster here (docs/tls.md), or start the worker there',
  });
}

/** An instance is known by its plain port; in TLS it names the other, and both keep one bus. */
function withPorts(instance: RedisInstance, ports: number[], busInTls: boolean): RedisInstance {
  const base = (port: number) => (ports.includes(port - redisTlsOffset) ? port - redisTlsOffset : port);
  const named = (node: RedisClusterNode): RedisClusterNode => ({ ...node, port: base(node.port) });
  return Object.create(instance, {
    clusterNodes: { value: async () => (await instance.clusterNodes()).map(named) },
    meet: {
      value: (address: string, port: number) =>
        instance.meet(address, port + (busInTls ? redisTlsOffset : 0), port + 10_000),
    },
  }) as RedisInstance;
}

const looks = ['ping', 'clusterInfo', 'clusterNodes', 'myId', 'replication', 'configGet'] as const;

/** For looks alone. */
function firstThatAnswers([first, second]: RedisInstance[]): RedisInstance {
  const either = looks.map((name) => {
    const ask = async (...given: [string]) => {
      try {
        return await first![name](...given);
      } catch {
        return second![name](...given);
      }
    };
    return [name, { value: ask }] as const;
  });
  return Object.create(first!, Object.fromEntries(either)) as RedisInstance;
}
