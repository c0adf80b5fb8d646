import fc from 'fast-check';
import type { DesiredRedisInstance } from '../../src/cluster/desired';
import type { ObservedRedisInstance, RedisView } from '../../src/cluster/observed';
import {
  instanceName,
  nextHandOverStep,
  nextTopologyStep,
  type RedisAction,
  slotRange,
  totalSlots,
} from '../../src/cluster/redis-topology';

const masters = 3;
const hosts = Array.from({ length: masters }, (_, i) => `node-${i + 1}`);
const desired: DesiredRedisInstance[] = hosts.flatMap((host, i): DesiredRedisInstance[] => [
  { host, part: 'redis', address: `10.0.0.${i + 1}`, port: 6379, role: 'master', slots: slotRange(i, masters) },
  {
    host,
    part: 'redis-replica',
    address: `10.0.0.${i + 1}`,
    port: 6380,
    role: 'replica',
    follows: hosts[(i + masters - 1) % masters],
  },
]);

/** A Redis Cluster in miniature: gossip is instant, commands do what Redis does. */
class Model {
  nodes = desired.map((d) => ({
    name: instanceName(d),
    want: d,
    id: `id-${instanceName(d)}`,
    knows: new Set([`id-${instanceName(d)}`]),
    masterId: undefined as string | undefined,
    slots: [] as [number, number][],
    linkUp: true,
    reachable: true,
  }));
  ghosts: RedisView[] = [];

  observe(): ObservedRedisInstance[] {
    const covered = this.nodes.reduce((n, node) => n + node.slots.reduce((m, [a, b]) => m + b - a + 1, 0), 0);
    return this.nodes.map((node) => {
      const name = { host: node.want.host, part: node.want.part };
      if (!node.reachable) return { ...name, reachable: false, error: 'connection refused' };
      const view = this.nodes.filter((o) => node.knows.has(o.id)).map((o) => this.view(o, o === node));
      return {
        ...name,
        reachable: true,
        id: node.id,
        role: node.masterId ? 'replica' : 'master',
        masterId: node.masterId,
        linkUp: node.linkUp,
        clusterState: covered === totalSlots ? 'ok' : 'fail',
        view: [...view, ...this.ghosts.filter((g) => node.knows.has(g.id))],
      };
    });
  }

  view(node: Model['nodes'][number], myself: boolean): RedisView {
    const { address, port } = node.want;
    const flags = [...(myself ? ['myself'] : []), node.masterId ? 'slave' : 'master'];
    return { id: node.id, address, port, flags, masterId: node.masterId, slots: node.slots };
  }

  apply(action: RedisAction): void {
    const at = this.nodes.find((n) => n.name === action.at)!;
    const byName = (name: string) => this.nodes.find((n) => n.name === name)!;
    if (action.kind === 'meet') {
      const all = new Set([...at.knows, ...byName(action.target).knows]);
      for (const n of this.nodes) if (all.has(n.id)) n.knows = new Set(all);
    } else if (action.kind === 'forget') {
      at.knows.delete(action.nodeId);
    } else if (action.kind === 'add-slots') {
      const taken = this.nodes.some((n) => n.slots.some(([a, b]) => a <= action.range[1] && action.range[0] <= b));
      if (taken || at.masterId) throw new Error(`ERR ADDSLOTS refused on ${at.name}`);
      at.slots.push(action.range);
    } else if (action.kind === 'replicate') {
      if (at.slots.length > 0) throw new Error(`ERR ${at.name} has slots and cannot become a replica`);
      if (!at.knows.has(action.masterId)) throw new Error('ERR unknown node');
      at.masterId = action.masterId;
    } else {
      const master = this.nodes.find((n) => n.id === at.masterId);
      if (!master) throw new Error('ERR failover on a master');
      at.slots = master.slots;
      master.slots = [];
      for (const n of this.nodes) if (n.masterId === master.id) n.masterId = at.id;
      at.masterId = undefined;
      master.masterId = at.id;
    }
  }

  converge(): { rounds: number; did: RedisAction[] } {
    const did: RedisAction[] = [];
    for (let rounds = 0; rounds < 40; rounds += 1) {
      const step = nextTopologyStep(desired, this.observe());
      if (step.state === 'whole') return { rounds, did };
      if (step.state !== 'act') throw new Error(JSON.stringify(step));
      for (const action of step.actions) {
        this.apply(action);
        did.push(action);
      }
    }
    throw new Error(`did not converge: ${JSON.stringify(nextTopologyStep(desired, this.observe()))}`);
  }
}

function whole(): Model {
  const model = new Model();
  model.converge();
  return model;
}

describe('Redis Cluster topology', () => {
  test('six strangers become three masters with a replica on another host each', () => {
    const model = whole();
    for (const node of model.nodes.filter((n) => n.want.role === 'replica')) {
      const master = model.nodes.find((n) => n.id === node.masterId)!;
      expect(master.want.host).not.toBe(node.want.host);
      expect(master.want.host).toBe(node.want.follows);
    }
    expect(nextTopologyStep(desired, model.observe())).toEqual({ state: 'whole' });
  });

  test('slot ranges cover all slots once', () => {
    const ranges = [0, 1, 2].map((i) => slotRange(i, 3));
    expect(ranges).toEqual([
      [0, 5460],
      [5461, 10921],
      [10922, 16383],
    ]);
  });

  test('a master that failed over is handed back, and nothing else is done', () => {
    const model = whole();
    model.apply({ kind: 'failover', at: 'node-2/redis-replica', from: 'node-1/redis' });
    const { did } = model.converge();
    expect(did).toEqual([{ kind: 'failover', at: 'node-1/redis', from: 'node-2/redis-replica' }]);
  });

  test('a master is not handed back before its link is up', () => {
    const model = whole();
    model.apply({ kind: 'failover', at: 'node-2/redis-replica', from: 'node-1/redis' });
    model.nodes.find((n) => n.name === 'node-1/redis')!.linkUp = false;
    expect(nextTopologyStep(desired, model.observe()).state).toBe('wait');
  });

  test('an instance that came back empty follows the acting master first and takes over then', () => {
    const model = whole();
    model.apply({ kind: 'failover', at: 'node-2/redis-replica', from: 'node-1/redis' });
    const lost = model.nodes.find((n) => n.name === 'node-1/redis')!;
    const old = lost.id;
    model.ghosts.push({ id: old, address: '10.0.0.1', port: 6379, flags: ['slave', 'fail'], slots: [] });
    Object.assign(lost, { id: 'id-new', knows: new Set(['id-new']), masterId: undefined, slots: [] });
    const kinds = model.converge().did.map((a) => a.kind);
    expect(kinds).toEqual([...Array(5).fill('forget'), 'meet', 'replicate', 'failover']);
  });

  test('a living node that is none of ours is refused', () => {
    const model = whole();
    model.ghosts.push({ id: 'stranger', address: '10.9.9.9', port: 6379, flags: ['master'], slots: [] });
    model.nodes[0]!.knows.add('stranger');
    expect(nextTopologyStep(desired, model.observe())).toMatchObject({
      state: 'impossible',
      because: expect.stringContaining('10.9.9.9:6379'),
    });
  });

  test('slots that another shard serves are not moved', () => {
    const model = whole();
    const [one, two] = ['node-1/redis', 'node-2/redis'].map((n) => model.nodes.find((m) => m.name === n)!);
    one!.slots = [[0, 5000]];
    two!.slots.push([5001, 5460]);
    expect(nextTopologyStep(desired, model.observe())).toMatchObject({ state: 'impossible' });
  });

  test('an instance that does not answer is waited for, never worked around', () => {
    const model = whole();
    model.nodes[3]!.reachable = false;
    expect(nextTopologyStep(desired, model.observe())).toMatchObject({ state: 'wait' });
  });

  test('any half-made state converges to the same end', () => {
    fc.assert(
      fc.property(fc.array(fc.nat(1000), { maxLength: 25 }), (choices) => {
        const model = new Model();
        // A crash at any place: only some of the actions of each round were carried out.
        for (const choice of choices) {
          const step = nextTopologyStep(desired, model.observe());
          if (step.state !== 'act') break;
          model.apply(step.actions[choice % step.actions.length]!);
        }
        model.converge();
        expect(nextTopologyStep(desired, model.observe())).toEqual({ state: 'whole' });
      }),
      { numRuns: 300 },
    );
  });
});

describe('before the instances of a host are replaced', () => {
  const next = (model: Model) => nextHandOverStep(desired, model.observe(), { host: 'node-1' });
  const node = (model: Model, name: string) => model.nodes.find((n) => n.name === name)!;

  test('its master goes to the replica on another host, once; then the host serves nothing', () => {
    const model = whole();
    const step = next(model);
    expect(step).toEqual({
      state: 'act',
      actions: [{ kind: 'failover', at: 'node-2/redis-replica', from: 'node-1/redis' }],
    });
    for (const action of step.state === 'act' ? step.actions : []) model.apply(action);
    expect(next(model)).toEqual({ state: 'whole' });
  });

  test('a replica that is not in sync is waited for, never made a master', () => {
    const model = whole();
    node(model, 'node-2/redis-replica').linkUp = false;
    expect(next(model)).toEqual({ state: 'wait', because: 'node-2/redis-replica is not in sync with node-1/redis' });
  });

  test('a master whose only replica is on its own host stays', () => {
    const model = whole();
    node(model, 'node-2/redis-replica').masterId = 'id-node-3/redis';
    expect(next(model)).toEqual({ state: 'wait', because: 'node-1/redis has no replica on another host' });
  });

  test('an instance of it that is silent for long is not waited for; one of another host is', () => {
    const without = (host: string, part: string) =>
      whole()
        .observe()
        .map((o) =>
          o.host === host && o.part === part ? { host, part: o.part, reachable: false as const, error: 'gone' } : o,
        );
    const handing = (host: string, part: string) =>
      nextHandOverStep(desired, without(host, part), { host: 'node-1', gone: [`${host}/${part}`] });
    // A look that it did not answer is no death: a busy master would be stopped with all that it has.
    expect(nextHandOverStep(desired, without('node-1', 'redis'), { host: 'node-1' })).toMatchObject({ state: 'wait' });
    expect(handing('node-1', 'redis')).toEqual({ state: 'whole' });
    expect(handing('node-1', 'redis-replica')).toMatchObject({ state: 'act', actions: [{ from: 'node-1/redis' }] });
    expect(handing('node-3', 'redis')).toEqual({ state: 'wait', because: 'node-3/redis does not answer: gone' });
  });

  test('it is over when every instance has seen it', () => {
    const model = whole();
    model.apply({ kind: 'failover', at: 'node-2/redis-replica', from: 'node-1/redis' });
    const observed = model.observe();
    const late = observed.find((o) => o.host === 'node-3' && o.part === 'redis');
    const before = whole()
      .observe()
      .find((o) => o.host === 'node-3' && o.part === 'redis');
    if (late?.reachable && before?.reachable) late.view = before.view;
    expect(nextHandOverStep(desired, observed, { host: 'node-1' })).toMatchObject({
      state: 'wait',
      because: expect.stringMatching(/node-3\/redis still sees 10\.0\.0\.1:6379 as a master/),
    });
  });
});
