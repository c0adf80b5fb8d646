import { createHash } from 'node:crypto';
import { releaseArchive } from '../clients/agent-host';
import type { ReleaseArchive } from '../clients/host';
import { emptyVault } from '../clients/vault';
import { type AgentRelease, agentRelease } from '../cluster/agents/release';
import { speaksTls } from '../cluster/render/agent/gateway';
import type { ClusterSpec } from '../cluster/spec';
import { stateOf } from '../cluster/tls/languages';
import { SignerMissingError, trustedBy } from '../cluster/tls/material';
import type { AgentInput } from '../contracts/agents';
import type { ActivityDependencies } from './dependencies';
import { keysMissing } from './tongue';

type Making = Pick<ActivityDependencies, 'ownerId' | 'vault'>;

const releases = new Map<string, AgentRelease>();
const archives = new Map<string, Promise<ReleaseArchive>>();

/**
 * The same for every VM of a fleet, so it is rendered once for thousands of steps.
 * @throws TLS_KEYS_MISSING where VMs speak TLS and this worker does not know whom they believe
 */
export function renderRelease({ spec, digest }: Pick<AgentInput, 'spec' | 'digest'>, making: Making): AgentRelease {
  const owner = making.ownerId;
  return remembered(releases, JSON.stringify([spec, digest, owner]), () =>
    agentRelease(spec, digest, { owner, trusted: trustedOf(spec, making) }),
  );
}

function trustedOf(spec: ClusterSpec, { vault = emptyVault }: Making): string | undefined {
  const state = stateOf(spec);
  if (!state || !speaksTls(spec)) return undefined;
  try {
    return trustedBy(state, (id) => vault.signer(id));
  } catch (error) {
    throw error instanceof SignerMissingError ? keysMissing(error) : error;
  }
}

export function archiveOf(release: AgentRelease): Promise<ReleaseArchive> {
  return remembered(archives, release.id, async () => ({
    id: release.id,
    sumOfSums: createHash('sha256').update(release.sums).digest('hex'),
    archive: await releaseArchive(release),
  }));
}

function remembered<T>(known: Map<string, T>, key: string, make: () => T): T {
  const found = known.get(key);
  if (found) return found;
  const made = make();
  if (known.size >= 4) known.delete(known.keys().next().value!);
  known.set(key, made);
  return made;
}
