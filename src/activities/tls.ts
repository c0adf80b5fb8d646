import { X509Certificate } from 'node:crypto';
import type { HostConnection } from '../clients/host';
import { emptyVault } from '../clients/vault';
import { partsOf } from '../cluster/component';
import type { ClusterSpec, HostSpec, PartName, TlsState } from '../cluster/spec';
import { redisTlsOffset } from '../cluster/tls/languages';
import { identityOf, SignerMissingError } from '../cluster/tls/material';
import type { TlsActivities, TlsEndpoint } from '../contracts/tls';
import { type ActivityDependencies, connectTo } from './dependencies';
import { readRecord } from './hosts';
import { clientOf, keysMissing } from './tongue';

export function tlsActivities(deps: ActivityDependencies): TlsActivities {
  return {
    async inspectTls({ spec }) {
      const startedAt = deps.now();
      const looks = await Promise.allSettled(spec.nodes.map((node) => lookAt(deps, spec, node)));
      const seen = looks.flatMap((look) => (look.status === 'fulfilled' ? [look.value] : []));
      const unseen = looks.flatMap((look, i) =>
        look.status === 'rejected' ? [{ host: spec.nodes[i]!.id, error: (look.reason as Error).message }] : [],
      );
      const stage = seen.map((look) => look.state?.stage).find((s) => s !== undefined) ?? 'off';
      return { stage, endpoints: seen.flatMap((look) => look.endpoints), unseen, tookMs: deps.now() - startedAt };
    },
  };
}

async function lookAt(deps: ActivityDependencies, spec: ClusterSpec, node: HostSpec) {
  const connection = await connectTo(deps, { ...spec, tls: undefined }, node.id);
  const { record } = await readRecord(connection, spec.name);
  const state = record?.spec.tls?.state;
  if (!state) return { state, endpoints: [] };
  const { vault = emptyVault } = deps;
  const client = clientOf(connection, { spec, state, vault, eitherWay: true });
  if (!client) throw keysMissing(new SignerMissingError(state.signer));
  const ports = endpointsOf(spec, node);
  const endpoints = await Promise.all(
    ports.map(async ({ part, port }): Promise<TlsEndpoint> => {
      const shows = await connection.handshake(port, client);
      return { host: node.id, part, port, shows, expected: serialOf(deps, { connection, spec, state, part }) };
    }),
  );
  return { state, endpoints };
}

function serialOf(
  { vault = emptyVault }: ActivityDependencies,
  of: { connection: HostConnection; spec: ClusterSpec; state: TlsState; part: PartName },
): string {
  const { connection, spec, state, part } = of;
  const bearer = { cluster: spec.name, node: connection.host, part };
  return new X509Certificate(identityOf(state, bearer, (id) => vault.signer(id)).certificate).serialNumber;
}

function endpointsOf(spec: ClusterSpec, node: HostSpec): { part: PartName; port: number }[] {
  const { ports } = spec;
  const all: Partial<Record<PartName, number[]>> = {
    redis: [ports.redis + redisTlsOffset],
    'redis-replica': [ports.redisReplica + redisTlsOffset],
    origin: [ports.origin],
    tracker: [ports.tracker],
    'build-index': [ports.buildIndex],
    proxy: [ports.proxy],
    nginx: [ports.lbProxy, ports.lbTracker],
  };
  return partsOf(spec, node).flatMap((part) => (all[part] ?? []).map((port) => ({ part, port })));
}
