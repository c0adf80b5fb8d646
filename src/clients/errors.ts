/** The few ways in which the outside fails. `activities/failures.ts` maps each to retryable or final. */
export class ClientError extends Error {
  constructor(
    message: string,
    readonly host?: string,
    options?: { cause?: unknown },
  ) {
    super(message, options);
    this.name = new.target.name;
  }
}

/** The host did not answer (refused, timed out, route missing, connection lost before anything was asked). */
export class HostUnreachableError extends ClientError {}
/** SSH answered but refuses us: wrong user, key, or the host key is not the pinned one. Final. */
export class HostRefusedError extends ClientError {}
/** The host key differs from the pinned one, or none is pinned. Final. */
export class HostKeyError extends HostRefusedError {}
/** Another one is pinned for it, or this one is revoked. */
export class HostKeyChangedError extends HostKeyError {}
/** The call's end was not seen: it may have happened. Look again. */
export class OutcomeUnknownError extends ClientError {}
/** The remote program ran and said no. */
export class RemoteCommandError extends ClientError {
  constructor(
    message: string,
    host: string | undefined,
    readonly exitCode: number,
    readonly stderrTail: string,
  ) {
    super(message, host);
  }
}
/** The Engine answered with an error status. */
export class EngineError extends ClientError {
  constructor(
    message: string,
    host: string | undefined,
    readonly statusCode: number,
    options?: { cause?: unknown },
  ) {
    super(message, host, options);
  }
}
/** 409 on create: the name is taken, by us or by another. */
export class NameTakenError extends EngineError {}
/** The registry does not have the image, or refuses it. Final. */
export class ImageMissingError extends ClientError {}
/** The Engine got no answer from the registry. Retryable. */
export class RegistryUnreachableError extends ClientError {}
/** Rights are missing on the host (no docker group and no sudo, forwarding forbidden …). Final. */
export class RightsError extends ClientError {}
/** A folder that is not ours to remove: a link, a mounted file system, a path outside of the known roots. Final. */
export class FolderRefusedError extends ClientError {}
/** nft does not take the rules. Final. */
export class FirewallRefusedError extends ClientError {}
/** A newer epoch holds the host. Final for this operation. */
export class FencedOffError extends ClientError {
  constructor(
    message: string,
    host: string | undefined,
    readonly epochSeen: number,
  ) {
    super(message, host);
  }
}
/** What is there belongs to another krakenctl. Final. */
export class ForeignOwnerError extends ClientError {}
/** Somebody else holds the host's lock at this moment. Retryable. */
export class FenceBusyError extends ClientError {}
/** Redis answered with an error. */
export class RedisReplyError extends ClientError {}
/** What was served under a digest is something else. Never passing: whoever serves it is wrong. */
export class WrongContentError extends ClientError {}
