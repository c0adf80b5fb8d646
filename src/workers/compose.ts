import { createActivities } from '../activities';
import type { ActivityDependencies } from '../activities/dependencies';
import type { Hosts } from '../clients/host';
import { createHosts } from '../clients/hosts';
import { createImageArchives } from '../clients/image-archive';
import type { ClusterSpec } from '../cluster/spec';
import { findSecretValues } from '../config/secrets';
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
  hostsFor(spec: ClusterSpec): Hosts;
  close(): Promise<void>;
}

/** Activities over real clients: one pool of connections per way of logging in. */
export function composeActivities(options: ComposeOptions = {}): Composition {
  const pools = new Map<string, Hosts>();
  const dependencies: ActivityDependencies = {
    hostsFor(spec: ClusterSpec) {
      const key = JSON.stringify(spec.ssh);
      const known = pools.get(key);
      if (known) return known;
      const made = createHosts({ ...spec.ssh, ...options });
      pools.set(key, made);
      return made;
    },
    archives: createImageArchives(),
    ownerId: loadOwnerId(),
    now: Date.now,
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
