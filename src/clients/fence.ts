import type { ClientChannel } from 'ssh2';
import { type ClientError, FenceBusyError, FencedOffError, HostUnreachableError, RemoteCommandError } from './errors';
import { asProgram } from './files';
import type { FenceLease, FenceScope } from './host';
import type { SshConnection } from './ssh';

/** How long one waits for another holder. Shorter than the heartbeat timeout, so that a waiter is seen alive. */
const waitSeconds = 4;
/** A train of effects pays for the lock once. */
const lingerMs = 250;

const exitBusy = 75;
const exitStale = 76;

/**
 * stdin: cluster, epoch; then it stays open. Holds a lock that ends with this process, and this process ends with its stdin, so
 * with the SSH connection. The highest epoch is kept beside the record, written aside and renamed under the lock.
 */
const holdProgram = `set -e; IFS= read -r c; IFS= read -r e; mkdir -p /run/krakenctl "/var/lib/krakenctl/$c"; exec 9>"/run/krakenctl/$c.lock"; flock -w ${waitSeconds} 9 || exit ${exitBusy}; f="/var/lib/krakenctl/$c/epoch"; h=$(cat "$f" 2>/dev/null || echo 0); if [ "$e" -lt "$h" ]; then echo "$h" >&2; exit ${exitStale}; fi; if [ "$e" -gt "$h" ]; then printf '%s\\n' "$e" > "$f.next"; sync "$f.next"; mv -f "$f.next" "$f"; sync "/var/lib/krakenctl/$c"; fi; echo READY; cat >/dev/null`;

interface Held {
  channel: ClientChannel;
  shares: number;
  isLost: boolean;
  linger?: NodeJS.Timeout;
}

/** Leases of one connection; those of the same cluster and epoch share one lock on the host. */
export class Fence {
  private readonly held = new Map<string, Promise<Held>>();

  constructor(
    private readonly ssh: SshConnection,
    private readonly sudo: string,
  ) {}

  async lease(scope: FenceScope): Promise<FenceLease> {
    const key = `${scope.cluster} ${scope.epoch}`;
    const held = await this.hold(key, scope);
    held.shares += 1;
    clearTimeout(held.linger);
    return { release: async () => this.release(key, held) };
  }

  private async hold(key: string, scope: FenceScope): Promise<Held> {
    const known = this.held.get(key);
    if (known) {
      const held = await known;
      if (!held.isLost) return held;
      this.held.delete(key);
      return this.hold(key, scope);
    }
    const taking = take(this.ssh, this.sudo, scope);
    this.held.set(key, taking);
    try {
      return await taking;
    } catch (error) {
      this.held.delete(key);
      throw error;
    }
  }

  private release(key: string, held: Held): void {
    held.shares -= 1;
    if (held.shares > 0) return;
    held.linger = setTimeout(() => {
      held.isLost = true;
      this.held.delete(key);
      held.channel.end();
    }, lingerMs);
    held.linger.unref();
  }
}

async function take(ssh: SshConnection, sudo: string, scope: FenceScope): Promise<Held> {
  const { taken } = await ssh.session(asProgram(sudo, holdProgram), (channel) => ({
    taken: whenHeld(channel, ssh.host, scope),
  }));
  return taken;
}

function whenHeld(channel: ClientChannel, host: string, scope: FenceScope): Promise<Held> {
  const held: Held = { channel, shares: 0, isLost: false };
  return new Promise((resolve, reject) => {
    let stdout = '';
    let stderr = '';
    let code: number | undefined;
    channel.on('data', (chunk: Buffer) => {
      stdout += chunk.toString();
      if (stdout.includes('READY')) resolve(held);
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
      reject(refusal(host, code, stderr));
    });
    channel.write(`${scope.cluster}\n${scope.epoch}\n`);
  });
}

function refusal(host: string, code: number | undefined, stderr: string): ClientError {
  if (code === exitBusy) return new FenceBusyError(`${host}: another krakenctl works on this host right now`, host);
  if (code === exitStale) {
    const seen = Number.parseInt(stderr, 10) || 0;
    return new FencedOffError(`${host}: a newer operation (epoch ${seen}) has taken this host over`, host, seen);
  }
  if (code === undefined)
    return new HostUnreachableError(`${host}: the connection was lost while taking the fence`, host);
  return new RemoteCommandError(`${host}: taking the fence: exit code ${code}: ${stderr.trim()}`, host, code, stderr);
}
