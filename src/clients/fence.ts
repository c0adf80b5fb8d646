import type { Duplex } from 'node:stream';
import type { ClientChannel } from 'ssh2';
import {
  type ClientError,
  FenceBusyError,
  FencedOffError,
  HostUnreachableError,
  RemoteCommandError,
  RightsError,
} from './errors';
import { fenceExits, holdProgram } from './fence-program';
import { asProgram } from './files';
import type { FenceLease, FenceScope } from './host';
import type { SshConnection } from './ssh';

/** A train of effects pays for the lock once. */
const lingerMs = 250;
const beatEveryMs = 1000;
/** A host that does not answer keeps nobody from leaving. */
const letGoWithinMs = 2000;
/** Silence after which the host ends our session; shorter than the heartbeat timeout of effects, after which another worker begins. */
const defaultPatienceSeconds = 4;

interface Held {
  channel: ClientChannel;
  /** Patience of each lease. */
  shares: number[];
  isLost: boolean;
  beating?: NodeJS.Timeout;
  linger?: NodeJS.Timeout;
}

export interface FenceOptions {
  ssh: SshConnection;
  sudo: string;
  /** A connection to the Engine's socket, in the way that effects go. */
  dialEngine: () => Promise<Duplex>;
}

/** Leases of one connection; those of the same cluster, realm and epoch share one lock on the host. */
export class Fence {
  private readonly held = new Map<string, Promise<Held>>();

  constructor(private readonly options: FenceOptions) {}

  async lease(scope: FenceScope): Promise<FenceLease> {
    const key = `${scope.cluster} ${scope.realm ?? ''} ${scope.epoch}`;
    const patience = scope.patienceSeconds ?? defaultPatienceSeconds;
    const held = await this.hold(key, scope);
    clearTimeout(held.linger);
    held.shares.push(patience);
    beat(held);
    return { release: async () => this.release(key, held, patience) };
  }

  /** At once, and resolves when the host has let go too. For a connection that nobody else shares. */
  async letGoOfAll(): Promise<void> {
    const all = await Promise.allSettled(this.held.values());
    this.held.clear();
    await Promise.all(all.map((result) => (result.status === 'fulfilled' ? whenLetGo(result.value) : undefined)));
  }

  private async hold(key: string, scope: FenceScope): Promise<Held> {
    const known = this.held.get(key);
    if (known) {
      const held = await known;
      if (!held.isLost) return held;
      if (this.held.get(key) === known) this.held.delete(key);
      return this.hold(key, scope);
    }
    const taking = take(this.options, scope);
    this.held.set(key, taking);
    try {
      return await taking;
    } catch (error) {
      this.held.delete(key);
      throw error;
    }
  }

  private release(key: string, held: Held, patience: number): void {
    held.shares.splice(held.shares.indexOf(patience), 1);
    if (held.shares.length > 0) return;
    held.linger = setTimeout(() => {
      this.held.delete(key);
      letGo(held);
    }, lingerMs);
    held.linger.unref();
  }
}

function beat(held: Held): void {
  if (!held.isLost) held.channel.write(`${Math.max(defaultPatienceSeconds, ...held.shares)}\n`);
}

function letGo(held: Held): void {
  held.isLost = true;
  clearInterval(held.beating);
  held.channel.end('done\n');
}

async function whenLetGo(held: Held): Promise<void> {
  clearTimeout(held.linger);
  if (held.isLost) return;
  const closed = new Promise<void>((resolve) => held.channel.once('close', () => resolve()));
  letGo(held);
  await Promise.race([closed, new Promise((resolve) => setTimeout(resolve, letGoWithinMs))]);
}

async function take(options: FenceOptions, scope: FenceScope): Promise<Held> {
  const { taken } = await options.ssh.session(asProgram(options.sudo, holdProgram), (channel) => ({
    taken: whenHeld(channel, options, scope),
  }));
  return taken;
}

function whenHeld(channel: ClientChannel, options: FenceOptions, scope: FenceScope): Promise<Held> {
  const { host } = options.ssh;
  const held: Held = { channel, shares: [], isLost: false };
  return new Promise((resolve, reject) => {
    let stdout = '';
    let stderr = '';
    let code: number | undefined;
    let proof: Promise<Duplex> | undefined;
    channel.on('data', (chunk: Buffer) => {
      stdout += chunk.toString();
      if (stdout.includes('PROVE') && !proof) proof = openProof(options, channel);
      if (!stdout.includes('READY')) return;
      stdout = '';
      closeProof(proof);
      held.beating = setInterval(() => beat(held), beatEveryMs);
      held.beating.unref();
      resolve(held);
    });
    channel.stderr.on('data', (chunk: Buffer) => {
      stderr += chunk.toString();
    });
    channel.on('exit', (exit: number) => {
      code = exit;
    });
    channel.on('error', () => undefined);
    channel.on('close', () => {
      held.isLost = true;
      clearInterval(held.beating);
      closeProof(proof);
      reject(refusal(host, code, stderr));
    });
    channel.write(
      `${scope.cluster}\n${scope.realm ?? ''}\n${scope.epoch}\n${scope.patienceSeconds ?? defaultPatienceSeconds}\n`,
    );
  });
}

/** Opened so that the host can show that it sees connections to the Engine; nothing is sent on it. */
function openProof({ dialEngine }: FenceOptions, channel: ClientChannel): Promise<Duplex> {
  const proof = dialEngine();
  proof.then(
    (stream) => {
      stream.on('error', () => undefined);
      channel.write('open\n');
    },
    () => channel.end(),
  );
  return proof;
}

function closeProof(proof: Promise<Duplex> | undefined): void {
  proof?.then(
    (stream) => stream.destroy(),
    () => undefined,
  );
}

function refusal(host: string, code: number | undefined, stderr: string): ClientError {
  switch (code) {
    case fenceExits.busy:
      return new FenceBusyError(`${host}: another krakenctl works on this host right now`, host);
    case fenceExits.stale: {
      const seen = Number.parseInt(stderr, 10) || 0;
      return new FencedOffError(`${host}: a newer operation (epoch ${seen}) has taken this host over`, host, seen);
    }
    case fenceExits.noSession:
      return new RightsError(
        `${host}: the program that guards the host is not a child of sshd; log in by OpenSSH`,
        host,
      );
    case fenceExits.undying:
      return new FenceBusyError(`${host}: the session of an older operation does not die`, host);
    case fenceExits.unproven:
      return new RightsError(
        `${host}: a connection broke, and it cannot be shown that the Engine is done with what it sent: ss (iproute2) is missing or sees no unix sockets`,
        host,
      );
    case fenceExits.unsettled:
      return new FenceBusyError(`${host}: the Engine still works on what a broken connection sent`, host);
    case undefined:
      return new HostUnreachableError(`${host}: the connection was lost while taking the fence`, host);
    default:
      return new RemoteCommandError(
        `${host}: taking the fence: exit code ${code}: ${stderr.trim()}`,
        host,
        code,
        stderr,
      );
  }
}
