import { readFileSync } from 'node:fs';
import type { Duplex } from 'node:stream';
import { Client, type ClientChannel, type ConnectConfig, type ServerHostKeyAlgorithm } from 'ssh2';
import type { SshTarget } from '../cluster/spec';
import {
  HostKeyChangedError,
  HostKeyError,
  HostRefusedError,
  HostUnreachableError,
  OutcomeUnknownError,
  RemoteCommandError,
  RightsError,
} from './errors';
import { fingerprintOf, KnownHosts } from './known-hosts';
import { Slots } from './slots';

export interface SshOptions {
  /** Shown in errors: `node-1`. */
  host: string;
  target: SshTarget;
  /** Absent: the agent at SSH_AUTH_SOCK. */
  keyPath?: string;
  knownHostsPath: string;
  proxyJump?: SshTarget;
  /** Pin the key of a host that is not known yet. A changed key is refused all the same. */
  acceptNewHostKeys?: boolean;
  connectTimeoutMs?: number;
}

export interface ExecOptions {
  input?: Buffer | string;
  timeoutMs?: number;
  /** Waited for when half of the input was sent. */
  half?: () => Promise<void>;
  onStderr?: (text: string) => void;
}

export interface ExecResult {
  stdout: Buffer;
  stderr: string;
}

/** sshd's MaxSessions is 10 and counts exec, sftp and dial-stdio; the fence holds one, one stays free. */
const execsAtOnce = 8;
const defaultConnectTimeoutMs = 10_000;
const defaultExecTimeoutMs = 30_000;
const lookAgainMs = 50;
/** SSH_OPEN_CONNECT_FAILED (RFC 4254, 5.1): what sshd says where MaxSessions are open. */
const connectFailed = 2;

/**
 * One multiplexed connection to one host. This is the only place that makes ssh2 clients, since ssh2 accepts any host key
 * unless it is told otherwise.
 */
export class SshConnection {
  private slots = new Slots(execsAtOnce);
  private lost: Error | undefined;

  private constructor(
    private readonly client: Client,
    private readonly bastion: SshConnection | undefined,
    readonly host: string,
  ) {
    // Every channel that is being opened listens for the end of the connection.
    client.setMaxListeners(0);
    client.on('error', (error) => {
      this.lost ??= error;
    });
    client.on('close', () => {
      this.lost ??= new Error('the SSH connection was closed');
      bastion?.close();
    });
  }

  /** Fewer execs at once, where other sessions are held open all the time. */
  limitExecs(count: number): void {
    this.slots = new Slots(count);
  }

  get isOpen(): boolean {
    return this.lost === undefined;
  }

  static async open(options: SshOptions): Promise<SshConnection> {
    const bastion = options.proxyJump
      ? await SshConnection.open({ ...options, target: options.proxyJump, proxyJump: undefined })
      : undefined;
    const { address, port } = options.target;
    try {
      const sock = await bastion?.forward(port, address);
      return new SshConnection(await dial(options, sock), bastion, options.host);
    } catch (error) {
      bastion?.close();
      throw error;
    }
  }

  /**
   * Runs a constant program text; values travel on stdin. Success is exit code 0 without a signal; a channel that closes without
   * a code is an {@link OutcomeUnknownError}, since the program may run on.
   */
  async exec(program: string, options: ExecOptions = {}): Promise<ExecResult> {
    const timeoutMs = options.timeoutMs ?? defaultExecTimeoutMs;
    return this.slots.run(async () => {
      const { ended } = await this.session(program, (channel) => ({
        ended: collect(channel, { ...options, host: this.host, timeoutMs }),
      }));
      return ended;
    });
  }

  /**
   * A program that runs on, with its stdin open. Takes one of the host's sessions until it is closed. `attach` is called in the very
   * turn in which the channel opens: a quick program's exit code may be in the same packet, and is told once.
   */
  async session<T>(program: string, attach: (channel: ClientChannel) => T): Promise<T> {
    const until = Date.now() + defaultConnectTimeoutMs;
    const open = () =>
      this.open<ClientChannel, T>((done) => this.client.exec(program, done), { what: 'a session', attach });
    for (;;) {
      try {
        return await open();
      } catch (error) {
        if (!isFull(error) || Date.now() > until) throw error;
        await new Promise((resolve) => setTimeout(resolve, lookAgainMs));
      }
    }
  }

  /** A TCP connection from the host to an address that it can reach. */
  async forward(port: number, address = '127.0.0.1'): Promise<Duplex> {
    const ask = (done: Done<Duplex>) => this.client.forwardOut('127.0.0.1', 0, address, port, done);
    return this.open(ask, { what: `${address}:${port}`, attach: (stream) => stream });
  }

  /** A connection to a unix socket of the host. */
  async forwardSocket(path: string): Promise<Duplex> {
    const ask = (done: Done<Duplex>) => this.client.openssh_forwardOutStreamLocal(path, done);
    return this.open(ask, { what: path, attach: (stream) => stream });
  }

  close(): void {
    this.lost ??= new Error('closed by us');
    this.client.end();
    this.bastion?.close();
  }

  private async open<C, T>(ask: (done: Done<C>) => void, { what, attach }: Opening<C, T>): Promise<T> {
    if (this.lost)
      throw new HostUnreachableError(`${this.host}: ${this.lost.message}`, this.host, { cause: this.lost });
    return new Promise((resolve, reject) => {
      const fail = (why: string) =>
        reject(new HostUnreachableError(`${this.host}: opening ${what}: ${why}`, this.host));
      let isLate = false;
      const timer = setTimeout(() => {
        isLate = true;
        fail('no answer within 10 s');
      }, defaultConnectTimeoutMs);
      const onClose = () => fail('the SSH connection was lost');
      this.client.once('close', onClose);
      ask((error, stream) => {
        clearTimeout(timer);
        this.client.removeListener('close', onClose);
        if (error) reject(refusal(error, this.host, what));
        else if (isLate) (stream as Duplex).destroy();
        else resolve(attach(stream));
      });
    });
  }
}

type Done<C> = (error: Error | undefined, stream: C) => void;

interface Opening<C, T> {
  what: string;
  attach: (stream: C) => T;
}

/** sshd counts a session until it has taken leave of its program, on a busy host some time after we were told of the end. Nobody says when it has. */
function isFull(error: unknown): boolean {
  const { cause } = error as { cause?: { reason?: unknown } };
  return error instanceof HostUnreachableError && cause?.reason === connectFailed;
}

function refusal(error: Error & { reason?: unknown }, host: string, what: string): Error {
  const prohibited = /prohibited/i.test(error.message);
  if (prohibited) {
    return new RightsError(`${host}: sshd forbids forwarding to ${what}`, host, { cause: error });
  }
  return new HostUnreachableError(`${host}: connecting to ${what} on the host: ${error.message}`, host, {
    cause: error,
  });
}

function authentication({ keyPath, host }: SshOptions): Pick<ConnectConfig, 'privateKey' | 'agent'> {
  if (keyPath !== undefined) {
    try {
      return { privateKey: readFileSync(keyPath) };
    } catch (error) {
      throw new HostRefusedError(`SSH_KEY_PATH ${keyPath} cannot be read: ${(error as Error).message}`, host, {
        cause: error,
      });
    }
  }
  if (process.env.SSH_AUTH_SOCK) return { agent: process.env.SSH_AUTH_SOCK };
  throw new HostRefusedError('no SSH_KEY_PATH is set and no agent runs (SSH_AUTH_SOCK)', host);
}

function dial(options: SshOptions, sock: Duplex | undefined): Promise<Client> {
  const { target, host } = options;
  const known = new KnownHosts(options.knownHostsPath);
  let keyFailure: HostKeyError | undefined;
  const kinds = known.kindsOf(target.address, target.port);
  const config: ConnectConfig = {
    host: target.address,
    port: target.port,
    username: target.user,
    ...authentication(options),
    sock: sock as ConnectConfig['sock'],
    readyTimeout: options.connectTimeoutMs ?? defaultConnectTimeoutMs,
    keepaliveInterval: 5000,
    keepaliveCountMax: 3,
    // Asked for a kind that is pinned, as OpenSSH does; else a host with several keys would seem changed.
    ...(kinds.length > 0 ? { algorithms: { serverHostKey: hostKeyAlgorithms(kinds) } } : {}),
    hostVerifier: (key: Buffer) => {
      keyFailure = judgeKey(options, known, key);
      return keyFailure === undefined;
    },
  };
  const client = new Client();
  return new Promise<Client>((resolve, reject) => {
    client.once('ready', () => {
      // Takes a 40 ms stall from every new channel.
      client.setNoDelay(true);
      resolve(client);
    });
    // One that is cut before the handshake has two errors, and a second that nobody hears ends the process.
    client.on('error', (error) => reject(keyFailure ?? dialFailure(error, host, target)));
    client.once('close', () => reject(keyFailure ?? dialFailure(new Error('closed while connecting'), host, target)));
    try {
      client.connect(config);
    } catch (error) {
      reject(new HostRefusedError(`${host}: ${(error as Error).message}`, host, { cause: error }));
    }
  });
}

function hostKeyAlgorithms(kinds: string[]): ServerHostKeyAlgorithm[] {
  const all = kinds.flatMap((kind) => (kind === 'ssh-rsa' ? ['rsa-sha2-512', 'rsa-sha2-256', 'ssh-rsa'] : [kind]));
  return all as ServerHostKeyAlgorithm[];
}

function judgeKey(
  { target, host, acceptNewHostKeys }: SshOptions,
  known: KnownHosts,
  key: Buffer,
): HostKeyError | undefined {
  const verdict = known.judge(target.address, target.port, key);
  if (verdict === 'pinned') return undefined;
  if (verdict === 'unknown' && acceptNewHostKeys) {
    known.pin(target.address, target.port, key);
    return undefined;
  }
  const what = verdict === 'unknown' ? 'is not in' : 'is another than the one in';
  const text = `${host}: the host key of ${target.address}:${target.port}, ${fingerprintOf(key)}, ${what} ${known.path}`;
  return verdict === 'unknown' ? new HostKeyError(text, host) : new HostKeyChangedError(text, host);
}

function dialFailure(error: Error & { level?: string }, host: string, target: SshTarget): Error {
  const where = `${host}: ssh ${target.user}@${target.address}:${target.port}`;
  if (error.level === 'client-authentication') {
    return new HostRefusedError(`${where}: the host refuses our key for this user`, host, { cause: error });
  }
  return new HostUnreachableError(`${where}: ${error.message}`, host, { cause: error });
}

interface Collecting extends ExecOptions {
  host: string;
  timeoutMs: number;
}

/** Standard error beyond this is noise; the tail says what happened. */
const stderrTail = 4000;

function collect(channel: ClientChannel, { host, timeoutMs, input, half, onStderr }: Collecting): Promise<ExecResult> {
  return new Promise((resolve, reject) => {
    const stdout: Buffer[] = [];
    let stderr = '';
    let end: { code: number | null | undefined; signal?: string } | undefined;
    const timer = setTimeout(() => {
      channel.destroy();
      reject(new OutcomeUnknownError(`${host}: no end within ${timeoutMs} ms`, host));
    }, timeoutMs);
    channel.on('data', (chunk: Buffer) => stdout.push(chunk));
    channel.stderr.on('data', (chunk: Buffer) => {
      stderr = (stderr + chunk.toString()).slice(-stderrTail);
      onStderr?.(chunk.toString());
    });
    channel.on('exit', (code: number | null, signal?: string) => {
      end = { code, signal };
    });
    channel.on('error', () => undefined);
    channel.on('close', () => {
      clearTimeout(timer);
      if (end === undefined || end.code === undefined) {
        reject(new OutcomeUnknownError(`${host}: the connection was lost before the program's end was seen`, host));
      } else if (end.code !== 0) {
        const how = end.signal ? `signal ${end.signal}` : `exit code ${end.code}`;
        reject(new RemoteCommandError(`${host}: ${how}: ${stderr.trim().slice(-500)}`, host, end.code ?? -1, stderr));
      } else {
        resolve({ stdout: Buffer.concat(stdout), stderr });
      }
    });
    if (half && input) sendInHalves(channel, Buffer.from(input), half);
    else channel.end(input ?? '');
  });
}

function sendInHalves(channel: ClientChannel, input: Buffer, half: () => Promise<void>): void {
  const middle = Math.floor(input.length / 2);
  channel.write(input.subarray(0, middle), () => void half().then(() => channel.end(input.subarray(middle))));
}
