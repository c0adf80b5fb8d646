import type { CodecKeyError } from '../codec/key-ring';
import type { FailureCode, FailureDetails, LogTail } from '../contracts/failures';
import { type ExitCode, exitCodeOf, type LocalCode } from './exit-codes';

export type CliCode = FailureCode | LocalCode;

export interface FailureFields extends FailureDetails {
  retryable?: boolean;
  /** What is known all the same; goes into the envelope's data. */
  data?: unknown;
  cause?: unknown;
}

/** What a command ends with when it does not end well: one line of what, where, and what to do next. */
export class CliFailure extends Error {
  readonly host?: string;
  readonly hint?: string;
  readonly retryable: boolean;
  readonly data?: unknown;
  readonly logTail?: LogTail;

  constructor(
    readonly code: CliCode | (string & {}),
    message: string,
    fields: FailureFields = {},
  ) {
    super(message, { cause: fields.cause });
    this.name = 'CliFailure';
    this.host = fields.host;
    this.hint = fields.hint;
    this.retryable = fields.retryable ?? false;
    this.data = fields.data;
    this.logTail = fields.logTail;
  }

  get exitCode(): ExitCode {
    return exitCodeOf(this.code);
  }
}

/**
 * Temporal wraps: a workflow's failure around an activity's around the named one. Told apart by name, since loading the
 * client's classes takes longer than most commands do.
 */
export function toCliFailure(error: unknown): CliFailure {
  const chain = causesOf(error);
  const own = chain.find((e): e is CliFailure => e instanceof CliFailure);
  if (own) return own;
  const keys = chain.find(isCodecKeyError);
  if (keys) return new CliFailure(keys.code, keys.message, { hint: keys.hint, cause: error });
  const named = chain.find(isApplicationFailure);
  if (named) {
    const details = (named.details?.[0] ?? {}) as FailureDetails;
    const fields = { ...details, retryable: named.nonRetryable !== true, cause: error };
    return new CliFailure(named.type ?? 'INTERNAL', named.message, fields);
  }
  const ending = chain.map(endingOf).find((f) => f !== undefined);
  if (ending) return ending;
  return unexpected(chain, error);
}

interface NamedFailure extends Error {
  type?: string;
  details?: unknown[];
  nonRetryable?: boolean;
}

function isApplicationFailure(error: Error): error is NamedFailure {
  return error.name === 'ApplicationFailure';
}

function isCodecKeyError(error: Error): error is CodecKeyError {
  return error.name === 'CodecKeyError';
}

function causesOf(error: unknown): Error[] {
  const chain: Error[] = [];
  for (let at = error; at instanceof Error && chain.length < 10; at = at.cause) chain.push(at);
  return chain;
}

function endingOf(error: Error): CliFailure | undefined {
  switch (error.name) {
    case 'CancelledFailure':
      return new CliFailure('CANCELLED', 'cancelled; stopped between two steps', {
        hint: 'krakenctl plan shows what is left',
      });
    case 'ConnectConfigError':
      return new CliFailure('CONFIG_INVALID', error.message, {
        hint: 'TEMPORAL_CONFIG_FILE, TEMPORAL_PROFILE and the TEMPORAL_TLS_* files: docs/temporal.md',
      });
    case 'TerminatedFailure':
      return new CliFailure('TERMINATED', 'terminated from outside; what it was doing may be half done', {
        hint: 'krakenctl plan shows what is left',
      });
    case 'TimeoutFailure':
      return new CliFailure('TIMED_OUT', error.message, { retryable: true, hint: 'krakenctl op list' });
    default:
      return undefined;
  }
}

function unexpected(chain: Error[], error: unknown): CliFailure {
  if (chain.some(isConnectionLoss)) {
    const message = `Temporal does not answer: ${chain.at(-1)?.message}`;
    return new CliFailure('TEMPORAL_UNREACHABLE', message, {
      retryable: true,
      hint: 'krakenctl temporal status',
      cause: error,
    });
  }
  const namespace = chain.map((e) => /Namespace (\S+) (?:is|was) not found/i.exec(e.message)?.[1]).find(Boolean);
  if (namespace) {
    return new CliFailure('NAMESPACE_MISSING', `Temporal has no namespace ${namespace}`, {
      hint: `temporal operator namespace create -n ${namespace} --retention 30d`,
      cause: error,
    });
  }
  const message = error instanceof Error ? error.message || error.name : String(error);
  return new CliFailure('INTERNAL', message, { hint: 'again with -v shows where', cause: error });
}

/** gRPC's 14 and 4: unavailable, deadline exceeded. */
export function isConnectionLoss(error: Error): boolean {
  const { code } = error as { code?: unknown };
  return code === 14 || code === 4;
}
