import type { HostSpec, SshTarget } from '../cluster/spec';
import type { HostConnection, Hosts, Login } from './host';
import { Slots } from './slots';
import { SshConnection } from './ssh';
import { SshHost } from './ssh-host';

export interface HostsOptions {
  keyPath?: string;
  knownHostsPath: string;
  proxyJump?: SshTarget;
  acceptNewHostKeys?: boolean;
  /** Handshakes at once; each costs a few milliseconds of CPU. */
  maxConnecting?: number;
  /** Connections that stay open although nobody uses them; absent: all. */
  maxIdle?: number;
}

const defaultMaxConnecting = 20;

/** One connection a host, shared by all who ask; a lost one is dialled anew by the next who asks. */
export function createHosts(options: HostsOptions): Hosts {
  const slots = new Slots(options.maxConnecting ?? defaultMaxConnecting);
  const known = new Map<string, Promise<SshHost>>();
  const users = new Map<string, number>();
  /** In the order in which their last user went. */
  const idle = new Set<string>();
  const { maxIdle = Number.POSITIVE_INFINITY } = options;

  async function dial(host: HostSpec): Promise<SshHost> {
    const ssh = await SshConnection.open({ ...options, host: host.id, target: host.ssh });
    try {
      return await SshHost.over(host, ssh);
    } catch (error) {
      ssh.close();
      throw error;
    }
  }

  function begin(key: string): void {
    users.set(key, (users.get(key) ?? 0) + 1);
    idle.delete(key);
  }

  function end(key: string): void {
    const left = users.get(key)! - 1;
    if (left > 0) return void users.set(key, left);
    users.delete(key);
    if (known.has(key)) idle.add(key);
    for (const oldest of idle) {
      if (idle.size <= maxIdle) break;
      idle.delete(oldest);
      leave(oldest);
    }
  }

  function leave(key: string): void {
    const connection = known.get(key);
    known.delete(key);
    connection?.then((host) => host.leave()).catch(() => undefined);
  }

  return {
    async use(host, work) {
      const key = JSON.stringify(host);
      begin(key);
      try {
        return await work(await this.connect(host));
      } finally {
        end(key);
      }
    },
    async connect(host): Promise<HostConnection> {
      const key = JSON.stringify(host);
      const shared = known.get(key);
      if (shared) {
        const connection = await shared;
        if (connection.isOpen) return connection;
        if (known.get(key) === shared) known.delete(key);
        return this.connect(host);
      }
      const dialling = slots.run(() => dial(host));
      known.set(key, dialling);
      dialling.catch(() => known.get(key) === dialling && known.delete(key));
      return dialling;
    },
    async login(host): Promise<Login> {
      const connection = await dial(host);
      return { connection, leave: () => connection.leave() };
    },
    async close() {
      const all = await Promise.allSettled(known.values());
      known.clear();
      for (const result of all) if (result.status === 'fulfilled') result.value.close();
    },
  };
}
