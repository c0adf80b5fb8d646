import type { Settings } from './configuration';
import { shuffle } from './host-list';
import { fatal } from './log';
import { isPlanted } from './misbehaviour';
import type { Peer } from './peer';
import { RedisConnection } from './redis-connection';

/** Who has announced for which blob. */
export interface PeerStore {
  update(hash: string, peer: Peer): Promise<void>;
  list(hash: string, limit: number): Promise<Peer[]>;
}

/** In Redis only when that is switched on; the address alone changes nothing. */
export async function openPeerStore(settings: Settings): Promise<PeerStore> {
  if (!settings.flag('peerstore.redis.enabled') || isPlanted('peers-in-memory')) return memoryStore(settings);
  const address = settings.text('peerstore.redis.addr');
  if (address === '') fatal('Could not create PeerStore: new redis store: invalid config: missing addr');
  const connection = new RedisConnection(address, {
    dialMs: settings.duration('peerstore.redis.dial_timeout', 5_000),
    readMs: settings.duration('peerstore.redis.read_timeout', 30_000),
  });
  await connection
    .dial()
    .catch((error: Error) => fatal(`Could not create PeerStore: new redis store: dial redis: ${error.message}`));
  return redisStore(connection, settings);
}

/** One set for each blob and window of time; a set expires when its window is too old to be read. */
function redisStore(redis: RedisConnection, settings: Settings): PeerStore {
  const size = settings.duration('peerstore.redis.peer_set_window_size', 3_600_000) / 1_000;
  const count = settings.number('peerstore.redis.max_peer_set_windows', 5);
  const current = () => {
    const now = Math.floor(Date.now() / 1_000);
    return now - (now % size);
  };
  return {
    async update(hash, peer) {
      const window = current();
      const key = `peerset:${hash}:${window}`;
      await Promise.all([redis.call('SADD', key, write(peer)), redis.call('EXPIREAT', key, window + size * count)]);
    },
    async list(hash, limit) {
      const found = new Map<string, Peer>();
      const windows = shuffle(Array.from({ length: count }, (_, index) => current() - index * size));
      for (const window of windows) {
        if (found.size >= limit) break;
        const reply = await redis.call('SRANDMEMBER', `peerset:${hash}:${window}`, limit - found.size);
        for (const peer of Array.isArray(reply) ? reply.flatMap(read) : []) {
          const key = `${peer.ip}:${peer.port}`;
          found.set(key, { ...peer, complete: peer.complete || found.get(key)?.complete === true });
        }
      }
      return [...found.values()];
    },
  };
}

function write({ peer_id, ip, port, complete }: Peer): string {
  return `${Buffer.from(peer_id).toString('hex')}:${ip}:${port}:${complete ? 1 : 0}`;
}

function read(text: unknown): Peer[] {
  const [, id, ip, port, complete] = /^([0-9a-f]{40}):([^:]+):(\d+):([01])$/.exec(String(text)) ?? [];
  if (!id || !ip) return [];
  return [{ peer_id: [...Buffer.from(id, 'hex')], ip, port: Number(port), origin: false, complete: complete === '1' }];
}

function memoryStore(settings: Settings): PeerStore {
  const ttlMs = settings.duration('peerstore.local.ttl', 18_000_000);
  const swarms = new Map<string, Map<string, { peer: Peer; until: number }>>();
  return {
    async update(hash, peer) {
      const swarm = swarms.get(hash) ?? new Map();
      swarms.set(hash, swarm.set(`${peer.ip}:${peer.port}`, { peer, until: Date.now() + ttlMs }));
    },
    async list(hash, limit) {
      const alive = [...(swarms.get(hash)?.values() ?? [])].filter(({ until }) => until > Date.now());
      return shuffle(alive.map(({ peer }) => peer)).slice(0, limit);
    },
  };
}
