import type { Duplex } from 'node:stream';
import { Redis } from 'ioredis';
import { HostUnreachableError, RedisReplyError } from './errors';
import type { RedisClusterNode, RedisInstance, TlsClient } from './host';
import { secured } from './http';
import type { SshConnection } from './ssh';

const commandTimeoutMs = 3000;
const scanBatch = 1000;
/** What a connection says that ended under a command; a Redis that is silent or refuses says something else. */
const isClosed = /Connection is closed|ECONNRESET|EPIPE/;

/** One client a port, through a forward of the host's SSH connection; made anew when it was lost. */
export function createRedis(ssh: SshConnection, port: number, tls?: TlsClient): RedisInstance {
  let client: Redis | undefined;
  const call = async (...command: (string | number)[]): Promise<unknown> => {
    if (!client || client.status === 'end' || client.status === 'close') client = connect(ssh, port, tls);
    const own = client;
    const [name, ...rest] = command;
    try {
      return await own.call(String(name), ...rest.map(String));
    } catch (error) {
      const where = `${ssh.host}: redis ${port}: ${command.slice(0, 2).join(' ')}: ${(error as Error).message}`;
      if ((error as Error).name === 'ReplyError') throw new RedisReplyError(where, ssh.host, { cause: error });
      own.disconnect();
      if (client === own) client = undefined;
      throw new HostUnreachableError(where, ssh.host, { cause: error });
    }
  };
  /** A connection that was kept may have ended since its last use. What only looks is asked again, once, over a new one. */
  const look = async (...command: (string | number)[]): Promise<unknown> => {
    const wasKept = client !== undefined;
    try {
      return await call(...command);
    } catch (error) {
      if (!wasKept || !(error instanceof HostUnreachableError) || !isClosed.test(error.message)) throw error;
      return call(...command);
    }
  };
  const text = async (...command: (string | number)[]) => String(await look(...command));
  return {
    ping: async () => void (await look('PING')),
    clusterInfo: async () => parseInfo(await text('CLUSTER', 'INFO')),
    clusterNodes: async () => parseNodes(await text('CLUSTER', 'NODES')),
    myId: () => text('CLUSTER', 'MYID'),
    replication: async () => parseInfo(await text('INFO', 'replication')),
    meet: async (address, toPort, bus) =>
      void (await call('CLUSTER', 'MEET', address, toPort, ...(bus === undefined ? [] : [bus]))),
    addSlots: async ([from, to]) => {
      const slots = Array.from({ length: to - from + 1 }, (_, i) => from + i);
      await call('CLUSTER', 'ADDSLOTS', ...slots);
    },
    replicate: async (masterId) => void (await call('CLUSTER', 'REPLICATE', masterId)),
    failover: async () => void (await call('CLUSTER', 'FAILOVER')),
    forget: async (nodeId) => void (await call('CLUSTER', 'FORGET', nodeId)),
    reset: async () => void (await call('CLUSTER', 'RESET', 'SOFT')),
    bumpEpoch: async () => void (await call('CLUSTER', 'BUMPEPOCH')),
    configGet: async (name) => ((await look('CONFIG', 'GET', name)) as string[])[1],
    configSet: async (name, value) => void (await call('CONFIG', 'SET', name, value)),
    scan: async (pattern, limit) => {
      const found: string[] = [];
      let cursor = '0';
      do {
        const [next, keys] = (await look('SCAN', cursor, 'MATCH', pattern, 'COUNT', scanBatch)) as [string, string[]];
        found.push(...keys);
        cursor = next;
      } while (cursor !== '0' && found.length < limit);
      return found.slice(0, limit);
    },
  };
}

/** No reconnecting and no retry of its own: whoever asks looks again. */
function connect(ssh: SshConnection, port: number, tls?: TlsClient): Redis {
  class ForwardConnector {
    private stream: Duplex | undefined;
    firstError?: Error;

    check(): boolean {
      return true;
    }

    async connect(): Promise<Duplex> {
      const forward = await ssh.forward(port);
      const stream = tls ? await secured(forward, tls) : forward;
      this.stream = stream;
      // A channel may stay half open when the instance behind it has ended; a socket would not.
      stream.on('end', () => stream.destroy());
      for (const method of ['setKeepAlive', 'setNoDelay', 'setTimeout', 'ref', 'unref']) {
        if (!(method in this.stream)) Object.assign(this.stream, { [method]: () => this.stream });
      }
      return this.stream;
    }

    disconnect(): void {
      this.stream?.destroy();
    }
  }
  const client = new Redis({
    Connector: ForwardConnector as never,
    lazyConnect: true,
    enableReadyCheck: false,
    maxRetriesPerRequest: 0,
    retryStrategy: () => null,
    commandTimeout: commandTimeoutMs,
    connectTimeout: commandTimeoutMs,
  });
  client.on('error', () => undefined);
  return client;
}

/** `name:value` lines; `#` begins a section. */
export function parseInfo(text: string): Record<string, string> {
  const lines = text.split(/\r?\n/).filter((line) => line.includes(':') && !line.startsWith('#'));
  return Object.fromEntries(lines.map((line) => [line.slice(0, line.indexOf(':')), line.slice(line.indexOf(':') + 1)]));
}

/** `id address:port@bus[,hostname] flags master ping pong epoch link slots…`; slots in migration (`[…]`) are left out. */
export function parseNodes(text: string): RedisClusterNode[] {
  return text
    .split('\n')
    .filter((line) => line.trim() !== '')
    .map((line) => {
      const [id, endpoint, flags, master, , , , linkState, ...slots] = line.trim().split(' ');
      const address = endpoint!.split('@')[0]!;
      const colon = address.lastIndexOf(':');
      return {
        id: id!,
        address: address.slice(0, colon),
        port: Number(address.slice(colon + 1)),
        flags: flags!.split(','),
        masterId: master === '-' ? undefined : master,
        linkState: linkState!,
        slots: slots.filter((s) => !s.startsWith('[')).map(parseRange),
      };
    });
}

function parseRange(text: string): [number, number] {
  const [from, to] = text.split('-').map(Number);
  return [from!, to ?? from!];
}
