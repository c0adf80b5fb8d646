import { createActivities } from '../activities';
import type { ActivityDependencies, HostKind } from '../activities/dependencies';
import type { Hosts } from '../clients/host';
import { createHosts, type HostsOptions } from '../clients/hosts';
import { createImageArchives } from '../clients/image-archive';
import { createVault } from '../clients/vault';
import { authSecretPath, findAuthSecrets } from '../config/auth-secret';
import { findSecretValues } from '../config/secrets';
import { secretsFolder } from '../config/state-folder';
import type { Activities } from '../contracts/activities';
import { makeRedactor } from '../text/redaction';
import { loadOwnerId } from './owner';

export { toFailure } from '../activities/failures';

export interface ComposeOptions {
  /** Pin keys of hosts that are not known yet; a changed key is refused all the same. */
  acceptNewHostKeys?: boolean;
}

export interface Composition {
  activities: Activities;
  /** For looking alone: logs and the record, by the CLI. */
  hostsFor: ActivityDependencies['hostsFor'];
  close(): Promise<void>;
}

/**
 * VMs may be thousands, and many of them silent: one that drops our packets costs ten seconds of waiting and no work, and a connection that nobody uses
 * costs memory.
 */
export const bounds: Record<HostKind, Pick<HostsOptions, 'maxConnecting' | 'maxIdle'>> = {
  node: {},
  vm: { maxConnecting: 50, maxIdle: 100 },
};

/** Activities over real clients: one pool of connections per way of logging in and kind of host. */
export function composeActivities(options: ComposeOptions = {}): Composition {
  const pools = new Map<string, Hosts>();
  const dependencies: ActivityDependencies = {
    hostsFor(spec, kind = 'node') {
      const key = JSON.stringify([kind, spec.ssh]);
      const known = pools.get(key);
      if (known) return known;
      const made = createHosts({ ...spec.ssh, ...options, ...bounds[kind] });
      pools.set(key, made);
      return made;
    },
    archives: createImageArchives(),
    vault: createVault(secretsFolder()),
    ownerId: loadOwnerId(),
    now: Date.now,
    authSecrets: (cluster) => ({
      secrets: findAuthSecrets(cluster).map(({ secret }) => secret.reveal()),
      path: authSecretPath(cluster),
    }),
    redact: makeRedactor(findSecretValues({ environment: process.env })),
  };
  return {
    activities: createActivities(dependencies),
    hostsFor: dependencies.hostsFor,
    async close() {
      await Promise.all([...pools.values()].map((hosts) => hosts.close()));
    },
  };
}
