import { ApplicationFailure, CancelledFailure } from '@temporalio/common';
import * as client from '../clients/errors';
import type { FailureCode, FailureDetails } from '../contracts/failures';

/** A finding of an activity itself, as opposed to a failure of the outside. */
export class ActivityError extends Error {
  constructor(
    readonly code: FailureCode,
    message: string,
    readonly details: FailureDetails & { final: boolean },
  ) {
    super(message);
    this.name = 'ActivityError';
  }
}

/** Of a run that goes on from where things stood when it was first there. */
export function wasReset(): ActivityError {
  const text = 'this run was reset in Temporal, and what was done since is not in its plan';
  const hint = 'nothing further was changed; look, and deploy anew: krakenctl plan';
  return new ActivityError('OPERATION_RESET', text, { final: true, hint });
}

interface Mapping {
  error: abstract new (...args: never[]) => Error;
  code: FailureCode;
  final: boolean;
  hint?: string;
}

/** Most specific class first. What is not final is tried again by Temporal. */
const mappings: Mapping[] = [
  {
    error: client.HostKeyChangedError,
    code: 'HOST_KEY',
    final: true,
    hint: 'compare the key with the host itself; where the host was made anew, take its old key out (ssh-keygen -f FILE -R ADDRESS) and pin the new one: krakenctl deploy --accept-new-host-keys',
  },
  {
    error: client.HostKeyError,
    code: 'HOST_KEY',
    final: true,
    hint: 'compare the key with the host itself, then pin it: krakenctl deploy --accept-new-host-keys',
  },
  {
    error: client.HostRefusedError,
    code: 'HOST_REFUSED',
    final: true,
    hint: 'check SSH_USER and SSH_KEY_PATH with: ssh -i KEY USER@HOST true',
  },
  { error: client.RightsError, code: 'RIGHTS_MISSING', final: true },
  {
    error: client.FencedOffError,
    code: 'FENCED_OFF',
    final: true,
    hint: 'a newer operation took over: krakenctl op list',
  },
  {
    error: client.FolderRefusedError,
    code: 'FOREIGN_RESOURCE',
    final: true,
    hint: 'look at it on that host and mend it by hand, then again',
  },
  {
    error: client.FirewallRefusedError,
    code: 'FIREWALL_REFUSED',
    final: true,
    hint: 'nothing was loaded; this is a fault of krakenctl, or an nft before 0.9.1: nft --version',
  },
  {
    error: client.ForeignOwnerError,
    code: 'FOREIGN_OWNER',
    final: true,
    hint: 'remove it through that one: krakenctl agent remove',
  },
  { error: client.FenceBusyError, code: 'FENCE_BUSY', final: false },
  { error: client.ImageMissingError, code: 'IMAGE_MISSING', final: true },
  {
    error: client.RegistryUnreachableError,
    code: 'REGISTRY_UNREACHABLE',
    final: false,
    hint: 'is the registry up, and may this host reach it? curl it from there; KRAKEN_IMAGE_REGISTRY and the *_IMAGE keys name it',
  },
  { error: client.HostUnreachableError, code: 'HOST_UNREACHABLE', final: false },
  { error: client.OutcomeUnknownError, code: 'OUTCOME_UNKNOWN', final: false },
  { error: client.RemoteCommandError, code: 'REMOTE_COMMAND', final: false },
  { error: client.EngineError, code: 'ENGINE_ERROR', final: false },
  { error: client.RedisReplyError, code: 'REDIS_ERROR', final: false },
];

/** Waiting makes no room: tried again it would fail for a quarter of an hour. */
const hostFull: Omit<Mapping, 'error'> = {
  code: 'HOST_FULL',
  final: true,
  hint: 'make room on that host (df -h, df -i), then deploy again; krakenctl check shows which folder',
};

function isHostFull(error: Error): boolean {
  if (!(error instanceof client.ClientError)) return false;
  const text = error instanceof client.RemoteCommandError ? `${error.message} ${error.stderrTail}` : error.message;
  return /no space left on device|disk quota exceeded|read-only file system/i.test(text);
}

export function toFailure(error: unknown): Error {
  if (error instanceof ApplicationFailure || error instanceof CancelledFailure) return error;
  if (!(error instanceof Error)) return new Error(String(error));
  if (error.name === 'AbortError' || error.cause instanceof CancelledFailure) return error;
  if (error instanceof ActivityError) {
    const { final, ...details } = error.details;
    return ApplicationFailure.create({
      type: error.code,
      message: error.message,
      nonRetryable: final,
      details: [details],
      cause: error,
    });
  }
  const mapping = isHostFull(error) ? hostFull : mappings.find((m) => error instanceof m.error);
  if (!mapping) return ApplicationFailure.create({ type: 'INTERNAL', message: error.message, cause: error });
  const host = error instanceof client.ClientError ? error.host : undefined;
  const details: FailureDetails = { host, hint: mapping.hint };
  return ApplicationFailure.create({
    type: mapping.code,
    message: error.message,
    nonRetryable: mapping.final,
    details: [details],
    cause: error,
  });
}

/** The name under which an error is told. */
export function codeOf(error: unknown): string {
  const failure = toFailure(error);
  return (failure instanceof ApplicationFailure && failure.type) || 'INTERNAL';
}
