import { RedisReplyError } from '../../src/clients/errors';
import type { RedisClusterNode, RedisInstance } from '../../src/clients/host';

/** A Redis Cluster in memory: instant gossip, real refusals. Instances live and die with their container. */
export class MemoryRedisCluster {
  readonly instances = new Map<string, MemoryInstance>();

  instance(address: string, port: number): MemoryInstance {
    const key = `${address}:${port}`;
    let found = this.instances.get(key);
    if (!found) {
      found = new MemoryInstance(this, address, port);
      this.instances.set(key, found);
    }
    return found;
  }

  byId(id: string): MemoryInstance | undefined {
    return [...this.instances.values()].find((i) => i.id === id);
  }

  covered(): number {
    return [...this.instances.values()].flatMap((i) => i.slots).reduce((n, [a, b]) => n + b - a + 1, 0);
  }
}

export class MemoryInstance implements RedisInstance {
  id: string;
  masterId?: string;
  slots: [number, number][] = [];
  keys = new Set<string>();
  knows: Set<string>;
  isUp: () => boolean = () => true;
  /** What it runs with; its file says so when it starts. */
  settings = new Map<string, string>();
  /** An effect as its host sees it. */
  effect: (name: string, work: () => void) => Promise<void> = async (_, work) => work();

  constructor(
    private readonly cluster: MemoryRedisCluster,
    readonly address: string,
    readonly port: number,
  ) {
    this.id = Buffer.from(`${address}:${port}`).toString('hex').padEnd(40, '0').slice(0, 40);
    this.knows = new Set([this.id]);
  }

  private answer(): void {
    if (!this.isUp()) throw new Error(`connect ECONNREFUSED ${this.address}:${this.port}`);
  }

  async ping(): Promise<void> {
    this.answer();
  }

  async clusterInfo(): Promise<Record<string, string>> {
    this.answer();
    return { cluster_state: this.cluster.covered() === 16384 ? 'ok' : 'fail' };
  }

  async clusterNodes(): Promise<RedisClusterNode[]> {
    this.answer();
    return [...this.knows].flatMap((id) => {
      const node = this.cluster.byId(id);
      if (!node) return [];
      const flags = [...(node === this ? ['myself'] : []), node.masterId ? 'slave' : 'master'];
      const { address, port, masterId, slots } = node;
      return [{ id, address, port, flags, masterId, linkState: 'connected', slots }];
    });
  }

  async myId(): Promise<string> {
    this.answer();
    return this.id;
  }

  async replication(): Promise<Record<string, string>> {
    this.answer();
    if (this.masterId === undefined) return { role: 'master' };
    const up = this.cluster.byId(this.masterId)?.isUp() ?? false;
    return { role: 'slave', master_link_status: up ? 'up' : 'down' };
  }

  async meet(address: string, port: number, bus?: number): Promise<void> {
    this.answer();
    const other = this.cluster.instance(address, bus === undefined ? port : bus - 10_000);
    const isOverTls = this.settings.get('tls-cluster') === 'yes';
    if (port !== other.port + (isOverTls ? 1000 : 0))
      throw new Error(`ERR ${port} is not the port of the bus's language`);
    const all = new Set([...this.knows, ...other.knows]);
    for (const id of all) {
      const node = this.cluster.byId(id);
      if (node) node.knows = new Set(all);
    }
  }

  async addSlots(range: [number, number]): Promise<void> {
    this.answer();
    this.slots.push(range);
  }

  async replicate(masterId: string): Promise<void> {
    this.answer();
    if (this.slots.length > 0) throw new Error('ERR has slots');
    this.masterId = masterId;
  }

  async failover(): Promise<void> {
    this.answer();
    const master = this.cluster.byId(this.masterId ?? '');
    if (!master) throw new Error('ERR You should send CLUSTER FAILOVER to a replica');
    [this.slots, master.slots] = [master.slots, []];
    [this.keys, master.keys] = [master.keys, new Set()];
    for (const node of this.cluster.instances.values()) if (node.masterId === master.id) node.masterId = this.id;
    this.masterId = undefined;
    master.masterId = this.id;
  }

  async forget(nodeId: string): Promise<void> {
    this.knows.delete(nodeId);
  }

  async reset(): Promise<void> {
    this.knows = new Set([this.id]);
  }

  async bumpEpoch(): Promise<void> {}

  /** As redis.conf says it, which is how CONFIG GET does for all that is written there. */
  start(conf: string): void {
    const lines = conf.split('\n').filter((line) => /^[a-z]/.test(line));
    this.settings = new Map(lines.map((line) => [line.split(' ')[0]!, line.slice(line.indexOf(' ') + 1)]));
  }

  async configGet(name: string): Promise<string | undefined> {
    this.answer();
    return this.settings.get(name);
  }

  async configSet(name: string, value: string): Promise<void> {
    this.answer();
    if (!this.settings.has(name)) throw new RedisReplyError(`ERR Unknown option ${name}`, this.address);
    await this.effect(`config set ${this.port} ${name}`, () => void this.settings.set(name, value));
  }

  async scan(pattern: string, limit: number): Promise<string[]> {
    this.answer();
    const prefix = pattern.replace(/\*$/, '');
    return [...this.keys].filter((k) => k.startsWith(prefix)).slice(0, limit);
  }
}
