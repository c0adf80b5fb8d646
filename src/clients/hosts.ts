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
}

const defaultMaxConnecting = 20;

/** One connection a host, shared by all who ask; a lost one is dialled anew by the next who asks. */
export function createHosts(options: HostsOptions): Hosts {
  const slots = new Slots(options.maxConnecting ?? defaultMaxConnecting);
  const known = new Map<string, Promise<SshHost>>();

  async function dial(host: HostSpec): Promise<SshHost> {
    const ssh = await SshConnection.open({ ...options, host: host.id, target: host.ssh });
    try {
      return await SshHost.over(host, ssh);
    } catch (error) {
      ssh.close();
      throw error;
    }
  }

  return {
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
