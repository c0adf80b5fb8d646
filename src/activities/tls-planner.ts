import { readFileSync } from 'node:fs';
import { emptyVault, type Vault } from '../clients/vault';
import { isSeen, type Observed } from '../cluster/observed';
import { newestRecord } from '../cluster/record';
import type { ClusterSpec } from '../cluster/spec';
import { type GivenFiles, type GivenVerdict, judgeGiven } from '../cluster/tls/given';
import { SignerMissingError } from '../cluster/tls/material';
import { understoodByAgents } from '../cluster/tls/understood';
import { hasEnded, type SigningWish, tlsWalk } from '../cluster/tls/walk';
import type { PlannerActivities, TlsPlan } from '../contracts/activities';
import type { TlsRenewal } from '../contracts/operation';
import type { ActivityDependencies } from './dependencies';
import { ActivityError } from './failures';
import { keysMissing } from './tongue';

type Input = Omit<Parameters<PlannerActivities['planTls']>[0], 'observed'> & { observed: Observed };

/** Which states, signed by whom: by the authority that the record names, or a new one where there is no cluster with TLS yet. */
export function planTls(
  deps: Pick<ActivityDependencies, 'now' | 'vault'>,
  { spec, observed, renew, agentsAt }: Input,
): TlsPlan {
  const { now, vault = emptyVault } = deps;
  const nowMs = now();
  const record = newestRecord(observed.hosts.filter(isSeen), spec.nodes.length);
  const recorded = record && !record.destroyed ? { tls: record.spec.tls } : undefined;
  const state = recorded?.tls?.state;
  if (spec.auth && state) {
    const text =
      'ENABLE_AUTH true: the cluster has TLS until a deploy has taken it away, and logins beside it are not built; nothing was changed';
    throw new ActivityError('CHANGE_NOT_BUILT', text, {
      final: true,
      hint: 'ENABLE_AUTH=false, krakenctl deploy, and ENABLE_AUTH=true after it',
    });
  }
  // What runs must be understood, wherever it is to go.
  for (const id of state ? [state.signer, ...state.trusts] : []) {
    if (!vault.signer(id)) throw keysMissing(new SignerMissingError(id));
  }
  // Who was believed last is who takes over: an operation that was to bring that did not come to its end.
  const known = state?.trusts.at(-1);
  const signer = spec.tls && signerFor({ spec, vault, nowMs, known, renew });
  const specs = tlsWalk({ spec, recorded, signer, nowMs, renew: renew === 'certificates' });
  if (!recorded) return { specs, stay: spec };
  // Nobody is served by certificates that have ended, so nobody is waited for: agents follow afterwards.
  if (state && hasEnded(state.series, nowMs)) return { specs, stay: { ...withoutTls(spec), ...recorded } };
  const forAgents = understoodByAgents({ specs, recorded, areThere: agentsAt === record!.generation });
  return { specs, forAgents, stay: { ...withoutTls(spec), ...recorded } };
}

function withoutTls({ tls: _, ...plain }: ClusterSpec): ClusterSpec {
  return plain;
}

interface Signing {
  spec: ClusterSpec;
  vault: Vault;
  nowMs: number;
  /** Id of whoever signs what runs, or is about to. */
  known?: string;
  renew?: TlsRenewal;
}

function signerFor({ spec, vault, nowMs, known, renew }: Signing): SigningWish {
  if (spec.tls!.given) {
    if (!renew) return takeGiven(spec, vault, nowMs);
    const text = `CERT_PATH ${spec.tls!.given.certificate}: it is yours, so krakenctl makes no other; expected a new file there, and a deploy`;
    throw new ActivityError('TLS_GIVEN', text, { final: true, hint: 'krakenctl deploy' });
  }
  if (renew === 'authority') return { kind: 'authority', id: vault.makeAuthority(spec.name, nowMs) };
  const id = known?.startsWith('ca-') ? known : vault.newestAuthority(spec.name);
  return { kind: 'authority', id: id ?? vault.makeAuthority(spec.name, nowMs) };
}

/** Kept: what is deployed is what was judged, whatever becomes of the files. */
function takeGiven({ name, tls }: ClusterSpec, vault: Vault, nowMs: number): SigningWish {
  const { id, kept, from, until } = readGivenFiles(tls!.given!, nowMs);
  vault.keep(name, { kind: 'given', id, ...kept });
  return { kind: 'given', id, from, until };
}

/** Each file is read once. @throws {ActivityError} TLS_GIVEN for files that cannot be read or used, by their keys in `.env`. */
export function readGivenFiles(
  paths: NonNullable<NonNullable<ClusterSpec['tls']>['given']>,
  nowMs: number,
): Omit<GivenVerdict, 'mistakes'> {
  const files: GivenFiles = {
    certificate: readGiven('CERT_PATH', paths.certificate),
    key: readGiven('KEY_PATH', paths.key),
    ...(paths.trusted && { trusted: readGiven('CA_PATH', paths.trusted) }),
  };
  const { mistakes, ...verdict } = judgeGiven(files, nowMs);
  if (mistakes.length > 0) {
    const text = mistakes.map((m) => `${m.field} ${m.value}: ${m.problem}; expected ${m.expected}`).join('\n');
    throw new ActivityError('TLS_GIVEN', text, {
      final: true,
      hint: 'nothing was changed; docs/tls.md says what a certificate must have',
    });
  }
  return verdict;
}

function readGiven(field: string, path: string): { path: string; text: string } {
  try {
    return { path, text: readFileSync(path, 'utf8') };
  } catch (error) {
    const why = (error as NodeJS.ErrnoException).code === 'ENOENT' ? 'no such file' : (error as Error).message;
    const text = `${field} ${path}: ${why} on the machine of the worker; expected a file in PEM that the worker may read`;
    throw new ActivityError('TLS_GIVEN', text, { final: true, hint: 'nothing was changed' });
  }
}
