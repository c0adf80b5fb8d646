import { balancerFile, balancerSum } from '../../src/cluster/balancers';
import { batchesOf } from '../../src/cluster/batches';
import { planDeploy } from '../../src/cluster/deploy-plan';
import type { Observed } from '../../src/cluster/observed';
import type { Gate, Plan, Stage } from '../../src/cluster/plan';
import type { ClusterSpec, PartName } from '../../src/cluster/spec';
import { desiredOf, exampleImages, exampleSpec, observedAs, planFor, seenHost } from '../support/cluster';

const spec = exampleSpec();
const images = exampleImages(spec);
const upgrade = exampleSpec((s) => {
  s.images.version = 'v0.1.28';
});
const upgraded = { ...exampleImages(upgrade, 'b'), ...images };

const stage = (plan: Plan, id: string): Stage => {
  const found = plan.stages.find((s) => s.id === id);
  if (!found) throw new Error(`no stage ${id} in ${plan.stages.map((s) => s.id).join(', ')}`);
  return found;
};
const summaries = (plan: Plan, id: string) =>
  stage(plan, id).steps.map((s) => `${s.host} ${s.kind} ${s.balancer?.out ?? ''}`.trim());
const kinds = (gates: Gate[]) => [...new Set(gates.map((g) => g.kind))];

/** As an operation leaves it that ended between leaving a node out and taking it back. */
function leftOut(nodes: string | string[], change: (observed: Observed) => void = () => undefined): Observed {
  const observed = observedAs(spec, images);
  const out = [nodes].flat();
  for (const id of spec.loadBalancers) {
    const host = seenHost(observed, id);
    host.nginx = { runningConfig: balancerSum(spec, { out }), out };
    const { path, sha256 } = balancerFile(spec, id, { out });
    host.files.find((f) => f.path === path)!.sha256 = sha256;
  }
  change(observed);
  return observed;
}

describe('certificates that have ended', () => {
  const until = '2026-11-30T00:00:00.000Z';
  const series = { number: 1, from: '2026-09-01T00:00:00.000Z', until };
  const observed = observedAs(spec, images);
  const state = { stage: 'require' as const, signer: 'ca-1', trusts: ['ca-1'], series };
  for (const { id } of spec.nodes) {
    const host = seenHost(observed, id);
    host.record = { ...host.record!, spec: { ...spec, tls: { lifetimeSeconds: 7_776_000, state } } };
  }
  const desired = desiredOf(upgrade, upgraded);
  const because = { container: () => ['another version'], file: () => [], live: () => [] };
  const pace = { batch: 1, approveEachNode: true };
  const planAt = (nowMs: number) => planDeploy({ spec: upgrade, desired, observed, because, pace, nowMs });

  test('make all hosts be changed at once, and are told', () => {
    const plan = planAt(Date.parse(until));
    expect(plan).toMatchObject({ rolling: false, ended: until });
    expect(plan.order).toBeUndefined();
    expect(plan.stages.filter((s) => s.node !== undefined)).toEqual([]);
    expect(new Set(stage(plan, 'parts').steps.map((step) => step.host)).size).toBe(3);
  });

  test('do not where they are good for a moment more', () => {
    const plan = planAt(Date.parse(until) - 1);
    expect(plan.rolling).toBe(true);
    expect(plan.ended).toBeUndefined();
  });
});

describe('a rollout', () => {
  const plan = planFor(upgrade, upgraded, observedAs(spec, images));

  test('leaves a node out everywhere, waits until it is quiet, and only then replaces parts of it', () => {
    expect(summaries(plan, 'node-1/out')).toEqual(
      spec.loadBalancers.flatMap((lb) => [`${lb} file node-1`, `${lb} reload node-1`]),
    );
    expect(stage(plan, 'node-1/out').gates).toEqual([{ kind: 'quiet', host: 'node-1' }]);
    expect(stage(plan, 'node-1').steps.every((s) => s.host === 'node-1')).toBe(true);
  });

  test('reloads load balancers that run and do not say with what: they listen elsewhere, or were too busy to say', () => {
    const observed = observedAs(spec, images);
    for (const host of observed.hosts) Object.assign(host, { nginx: {} });
    const silent = planFor(upgrade, upgraded, observed);
    expect(summaries(silent, 'node-1/out')).toEqual(
      spec.loadBalancers.flatMap((lb) => [`${lb} file node-1`, `${lb} reload node-1`]),
    );
  });

  test('tries a node by a canary before anybody else may use it, and watches it before the next begins', () => {
    const ids = plan.stages.map((s) => s.id);
    const [parts, canary, back, next] = ['node-1', 'node-1/canary', 'node-1/back', 'node-2/out'].map((id) =>
      ids.indexOf(id),
    );
    expect(parts! < canary! && canary! < back! && back! < next!).toBe(true);
    expect(stage(plan, 'node-1/canary').gates[0]).toEqual({ kind: 'canary', host: 'node-1' });
    expect(ids.slice(canary!, back! + 1)).toEqual(['node-1/canary', 'node-1/agent', 'node-1/back']);
    expect(stage(plan, 'node-1/agent')).toMatchObject({ steps: [], gates: [{ kind: 'agent', host: 'node-1' }] });
    expect(summaries(plan, 'node-1/back')).toEqual(spec.loadBalancers.flatMap((lb) => [`${lb} file`, `${lb} reload`]));
  });

  test('watches the first node for longer than a minute, and all that were replaced at each later one', () => {
    const steady = (id: string) => stage(plan, id).gates.find((g) => g.kind === 'steady');
    expect(steady('node-1/back')).toMatchObject({ seconds: 75, replaced: [{ host: 'node-1' }] });
    expect(steady('node-3/back')).toMatchObject({
      seconds: 0,
      replaced: [{ host: 'node-1' }, { host: 'node-2' }, { host: 'node-3' }],
    });
    const slow = planFor(upgrade, upgraded, observedAs(spec, images), { batch: 1, bakeMs: 600_000 });
    expect(stage(slow, 'node-3/back').gates.find((g) => g.kind === 'steady')).toMatchObject({ seconds: 600 });
  });

  test('a node that is back has what others took in before the next is begun; one left out by somebody, of a whole day', () => {
    expect(stage(plan, 'node-1/canary').gates[1]).toEqual({ kind: 'caught-up', host: 'node-1' });
    expect(kinds(stage(plan, 'node-1/back').gates)).toEqual(['steady']);
    const left = planFor(spec, images, leftOut('node-2'));
    expect(stage(left, 'node-2/canary').gates[1]).toEqual({ kind: 'caught-up', host: 'node-2', hours: 24 });
  });

  test('the last node is looked at again when the others have taken it back', () => {
    expect(stage(plan, 'node-3/back').gates[0]).toEqual({ kind: 'caught-up', host: 'node-3', settled: true });
    const left = planFor(spec, images, leftOut('node-2'));
    expect(stage(left, 'node-2/back').gates[0]).toEqual({
      kind: 'caught-up',
      host: 'node-2',
      hours: 24,
      settled: true,
    });
  });

  test('before a node goes, the one before it has what the others took in until they had taken it back', () => {
    expect(stage(plan, 'node-1/out').gates).toEqual([{ kind: 'quiet', host: 'node-1' }]);
    expect(stage(plan, 'node-2/out').gates).toEqual([
      { kind: 'quiet', host: 'node-2' },
      { kind: 'caught-up', host: 'node-1', since: 'node-1' },
    ]);
  });

  test('never has two nodes out, whatever is changed', () => {
    const out = plan.stages.flatMap((s) => s.steps.map((step) => step.balancer?.out.length ?? 0));
    expect(Math.max(...out)).toBe(1);
  });

  test('hands a Redis master over before its instance is replaced, and not when another part is', () => {
    const image = exampleSpec((s) => {
      s.images.redis = 'redis:7.4';
    });
    const redis = planFor(image, { ...exampleImages(image, 'c'), ...images }, observedAs(spec, images));
    const steps = stage(redis, 'node-2/foundation').steps.map((s) => `${s.kind} ${s.part ?? s.id}`);
    expect(steps[0]).toBe('handover node-2/redis/handover');
    expect(steps.at(-1)).toBe('redis node-2/redis/rejoin');
    expect(stage(redis, 'node-2').gates).toContainEqual({ kind: 'redis-whole' });
    expect(stage(plan, 'node-2/foundation').steps.some((s) => s.kind === 'handover')).toBe(false);
  });

  test("replaces what Kraken's parts stand on first, in start order, and them side by side, each after its file", () => {
    const lanes = (id: string) => {
      const found = new Map<string, string[]>();
      for (const { lane, host, kind, part } of stage(plan, id).steps)
        found.set(lane ?? host, [...(found.get(lane ?? host) ?? []), `${kind} ${part}`]);
      return Object.fromEntries(found);
    };
    expect(lanes('node-1/foundation')).toEqual({ 'node-1': ['container testfs'] });
    expect(lanes('node-1')).toEqual(
      Object.fromEntries(
        ['origin', 'tracker', 'build-index', 'proxy'].map((part) => [`node-1 ${part}`, [`container ${part}`]]),
      ),
    );
  });

  test('does not start a tracker before its router listens, where that is replaced too', () => {
    const image = exampleSpec((s) => {
      s.images.envoy = 'envoy:1.99';
      s.images.version = 'v0.1.28';
    });
    const both = planFor(image, { ...exampleImages(image, 'c'), ...upgraded }, observedAs(spec, images));
    expect(stage(both, 'node-1/foundation').gates).toEqual([{ kind: 'ready', host: 'node-1', part: 'redis-router' }]);
  });

  test('an NGINX alone is replaced without leaving its node out: the others need nothing of it', () => {
    const image = exampleSpec((s) => {
      s.images.nginx = 'nginx:1.28';
    });
    const nginx = planFor(image, { ...exampleImages(image, 'c'), ...images }, observedAs(spec, images));
    expect(nginx.stages.flatMap((s) => kinds(s.gates))).not.toContain('quiet');
    expect(stage(nginx, 'node-1').steps.map((s) => s.part)).toEqual(['nginx']);
  });

  test('an NGINX that is made anew on the way runs what lies on the disk by then, and is reloaded for what comes after', () => {
    const both = exampleSpec((s) => {
      s.images.nginx = 'nginx:1.28';
      s.images.version = 'v0.1.28';
    });
    const all = planFor(both, { ...exampleImages(both, 'c'), ...images }, observedAs(spec, images));
    expect(summaries(all, 'node-1/back')).toContain('node-1 reload');
  });

  test('settings of the load balancers are rewritten in place first, and kept while nodes are left out', () => {
    const setting = exampleSpec((s) => {
      s.images.version = 'v0.1.28';
      s.nginx.keepaliveTimeoutSeconds = 30;
    });
    const mixed = planFor(setting, upgraded, observedAs(spec, images));
    expect(summaries(mixed, 'live')).toEqual(spec.loadBalancers.flatMap((lb) => [`${lb} file`, `${lb} reload`]));
    expect(stage(mixed, 'node-1/out').steps[0]?.expect).toBe(
      balancerFile(setting, 'node-1', { out: ['node-1'] }).sha256,
    );
    expect(stage(mixed, 'node-3/back').steps[0]?.expect).toBe(balancerFile(setting, 'node-1', { out: [] }).sha256);
  });
});

describe('parts that move to other ports', () => {
  const moved = exampleSpec((s) => {
    s.ports.proxy = 18083;
  });
  const plan = planFor(moved, images, observedAs(spec, images));
  const earlier = (id: string) =>
    stage(plan, id).steps.find((s) => s.kind === 'file' && s.part === 'nginx')?.balancer?.earlier;

  test('are found by the load balancers where they are, until their node was replaced', () => {
    expect(plan.stages.find((s) => s.id === 'live')).toBeUndefined();
    expect(earlier('node-1/out')).toMatchObject({ nodes: ['node-1', 'node-2', 'node-3'], ports: { proxy: 8083 } });
    expect(earlier('node-1/back')?.nodes).toEqual(['node-2', 'node-3']);
    expect(stage(plan, 'node-1/out').gates[0]).toMatchObject({ kind: 'quiet', earlier: { proxy: 8083 } });
    expect(earlier('node-3/back')).toBeUndefined();
    expect(stage(plan, 'node-3/back').steps[0]?.expect).toBe(balancerFile(moved, 'node-1', { out: [] }).sha256);
  });
});

describe('parts whose move to other ports is taken back', () => {
  const moved = exampleSpec((s) => {
    s.ports.proxy = 18083;
  });
  const node = (id: string) => seenHost(observedAs(moved, images), id);
  const half = observedAs(spec, images);
  Object.assign(seenHost(half, 'node-1'), { containers: node('node-1').containers, files: node('node-1').files });
  const because = { container: () => ['taken back'], file: () => [], live: () => [] };
  const pace = { batch: 1, bakeMs: 0, back: true as const };
  const desired = desiredOf(spec, images);
  const plan = planDeploy({ spec, desired, observed: half, because, pace, earlierPorts: moved.ports });
  const earlier = (id: string) => stage(plan, id).steps.find((s) => s.kind === 'file')?.balancer?.earlier;

  test('are found where the change has brought them, and those that it had not reached where they are', () => {
    expect(plan.order?.batches).toEqual([['node-1']]);
    expect(earlier('node-1/out')).toMatchObject({ nodes: ['node-1'], ports: { proxy: 18083 } });
    expect(earlier('node-1/back')).toBeUndefined();
  });
});

describe('what an operation that was ended has left', () => {
  test('a node that is out and as it should be is looked at, tried, and taken back, with the reason', () => {
    const plan = planFor(spec, images, leftOut('node-2'));
    expect(plan).toMatchObject({ rolling: true, empty: false, counts: { change: 6, replace: 0 } });
    const ids = ['node-2/out', 'node-2', 'node-2/canary', 'node-2/agent', 'node-2/back', 'record'];
    expect(plan.stages.map((s) => s.id)).toEqual(ids);
    expect(stage(plan, 'node-2/out').steps).toEqual([]);
    expect(kinds(stage(plan, 'node-2').gates)).toEqual(['ready', 'redis-whole']);
    expect(stage(plan, 'node-2/back').steps[0]?.because[0]).toContain('has left node-2 out of the load balancers');
  });

  test('agents fail what is new on a node; where it only comes back, or a change is taken back, they tell', () => {
    const tellsOf = (plan: Plan) =>
      plan.stages.flatMap(({ gates }) =>
        gates.flatMap((gate) => (gate.kind === 'agent' ? [`${gate.host} ${gate.tells ?? false}`] : [])),
      );
    const half = planFor(upgrade, upgraded, leftOut('node-2'));
    expect(tellsOf(half)).toEqual(['node-2 false', 'node-1 false', 'node-3 false']);
    expect(tellsOf(planFor(spec, images, leftOut('node-2')))).toEqual(['node-2 true']);
    const back = planFor(upgrade, upgraded, observedAs(spec, images), { batch: 1, bakeMs: 0, back: true });
    expect(tellsOf(back)).toEqual(['node-1 true', 'node-2 true', 'node-3 true']);
  });

  test('the operation is named by what it had made there, and none is named that came to its end', () => {
    const made = (operation: string) =>
      leftOut('node-2', (observed) => {
        Object.assign(seenHost(observed, 'node-2').containers[4]!, { operation, startedAt: 3000 });
      });
    expect(planFor(upgrade, upgraded, made('20261125-deploy-893b')).left).toEqual([
      { host: 'node-2', operation: '20261125-deploy-893b' },
    ]);
    expect(planFor(upgrade, upgraded, made('op')).left).toEqual([{ host: 'node-2' }]);
    expect(planFor(upgrade, upgraded, observedAs(spec, images)).left).toBeUndefined();
  });

  test('it is worked on first, still left out, and no other node is begun before it is back', () => {
    const half = leftOut('node-2', (observed) => {
      const { containers } = seenHost(observed, 'node-2');
      containers.splice(0, containers.length, ...containers.filter((c) => c.part !== 'origin'));
    });
    const plan = planFor(upgrade, upgraded, half);
    expect(plan.left).toEqual([{ host: 'node-2' }]);
    const order = [...new Set(plan.stages.map((s) => s.node ?? s.id))];
    expect(order).toEqual(['images', 'node-2', 'node-1', 'node-3', 'record']);
    expect(plan.stages.find((s) => s.id === 'node-2/out')?.steps).toEqual([]);
    expect(plan.stages.find((s) => s.id === 'live')).toBeUndefined();
  });
});

describe('nodes that were left out together', () => {
  const outAt = (plan: Plan, id: string) =>
    plan.stages.find((s) => s.id === id)?.steps.map((s) => s.balancer?.out ?? []);

  test('come back one by one, each when it has proven itself', () => {
    const plan = planFor(upgrade, upgraded, leftOut(['node-1', 'node-3']));
    expect(plan.order).toMatchObject({ batches: [['node-1'], ['node-3'], ['node-2']], away: 2 });
    expect(outAt(plan, 'node-1/out')).toEqual([]);
    expect(new Set(outAt(plan, 'node-1/back'))).toEqual(new Set([['node-3']]));
    expect(outAt(plan, 'node-3/out')).toEqual([]);
    expect(new Set(outAt(plan, 'node-3/back')?.flat())).toEqual(new Set());
    expect(new Set(outAt(plan, 'node-2/out'))).toEqual(new Set([['node-2']]));
  });

  test('one of which only NGINX differs has to prove itself, too', () => {
    const image = exampleSpec((s) => {
      s.images.nginx = 'nginx:1.28';
    });
    const plan = planFor(image, { ...exampleImages(image, 'c'), ...images }, leftOut('node-2'));
    expect(stage(plan, 'node-2/canary').gates[0]).toEqual({ kind: 'canary', host: 'node-2' });
    expect(plan.stages.find((s) => s.id === 'node-1/canary')?.gates).toBeUndefined();
  });
});

describe('load balancers that nobody wants any more', () => {
  const changeTo = (balancers: string[], before = spec) => {
    const after = exampleSpec((s) => {
      s.images.version = 'v0.1.28';
      s.loadBalancers = balancers;
    });
    return planFor(after, upgraded, observedAs(before, images));
  };

  test('go before any node is left out, since they are not told of it', () => {
    const plan = changeTo(['node-1', 'node-2']);
    const ids = plan.stages.map((s) => s.id);
    expect(stage(plan, 'balancers').steps.map((s) => `${s.host} ${s.kind} ${s.part}`)).toEqual(['node-3 remove nginx']);
    expect(ids.indexOf('balancers')).toBeLessThan(ids.indexOf('node-1/out'));
    expect(plan.stages.flatMap((s) => s.steps).filter((s) => s.kind === 'remove').length).toBe(1);
    expect(plan.conflicts).toEqual([]);
  });

  test('are refused where all of them would go, but on the way back', () => {
    const one = exampleSpec((s) => {
      s.loadBalancers = ['node-3'];
    });
    expect(changeTo(['node-1'], one).conflicts).toMatchObject([{ what: 'LB_NODES', notBuilt: true }]);
    const alone = exampleSpec((s) => {
      s.loadBalancers = ['node-1'];
    });
    expect(planFor(alone, images, observedAs(one, images)).conflicts).toEqual([]);
    const failed = observedAs({ ...upgrade, loadBalancers: ['node-3'] }, upgraded);
    const there = planFor(alone, upgraded, failed);
    const back = planFor(alone, upgraded, failed, { batch: 1, bakeMs: 0, back: true });
    expect([there, back].map((p) => [p.rolling, p.conflicts.length])).toEqual([
      [true, 1],
      [true, 0],
    ]);
  });
});

describe('nodes that do not serve', () => {
  const stop = (observed: Observed, host: string, part: PartName) => {
    seenHost(observed, host).containers.find((c) => c.part === part)!.state = 'exited';
    return observed;
  };
  const gateOf = (plan: Plan, node: string) => plan.stages.find((s) => s.id === `${node}/others`)?.gates[0];
  const parts = ['origin', 'tracker', 'build-index', 'proxy'];

  test('before a node is left out, all others are asked whether they serve', () => {
    const plan = planFor(upgrade, upgraded, observedAs(spec, images));
    const ids = plan.stages.map((s) => s.id);
    for (const node of ['node-1', 'node-2', 'node-3']) {
      expect(gateOf(plan, node)).toEqual({ kind: 'others', leaving: [node], besides: [], parts });
      expect(ids.indexOf(`${node}/others`)).toBe(ids.indexOf(`${node}/out`) - 1);
    }
    expect(plan.order?.away).toBe(1);
  });

  test('come first, and are not asked before their turn; how many serve is counted with them', () => {
    const one = planFor(upgrade, upgraded, stop(observedAs(spec, images), 'node-3', 'origin'));
    expect(one.order).toMatchObject({ batches: [['node-3'], ['node-1'], ['node-2']], away: 1 });
    const two = planFor(
      upgrade,
      upgraded,
      stop(stop(observedAs(spec, images), 'node-3', 'origin'), 'node-2', 'tracker'),
    );
    expect(two.order).toMatchObject({ batches: [['node-2'], ['node-3'], ['node-1']], away: 2 });
    expect(gateOf(two, 'node-2')).toMatchObject({ leaving: ['node-2'], besides: ['node-3'] });
    expect(gateOf(two, 'node-1')).toMatchObject({ leaving: ['node-1'], besides: [] });
  });

  test('a node whose load balancer alone is missing serves the others', () => {
    const plan = planFor(upgrade, upgraded, stop(observedAs(spec, images), 'node-3', 'nginx'));
    expect(plan.order).toMatchObject({ batches: [['node-1'], ['node-2'], ['node-3']], away: 1 });
    expect(gateOf(plan, 'node-1')).toMatchObject({ besides: [] });
  });

  test('without any Redis nobody is served: all are brought side by side, since none could prove itself alone', () => {
    const observed = observedAs(spec, images);
    for (const host of ['node-1', 'node-2', 'node-3']) {
      stop(stop(observed, host, 'redis'), host, 'redis-replica');
      const seen = seenHost(observed, host);
      seen.redis = seen.redis.map(({ part }) => ({ host, part, reachable: false as const, error: 'refused' }));
    }
    expect(planFor(upgrade, upgraded, observed).rolling).toBe(false);
  });

  test('are waited for by nobody where they are out already, nor on the way back where they are to be replaced', () => {
    const half = planFor(upgrade, upgraded, leftOut('node-2'));
    expect([gateOf(half, 'node-2'), gateOf(half, 'node-1')]).toMatchObject([undefined, { besides: [] }]);
    const router = exampleSpec((s) => {
      s.images.envoy = 'envoy:1.99';
      s.nodes.push({ ...s.nodes[0]!, id: 'node-4', address: '10.0.1.13' });
    });
    const four = observedAs({ ...router, images: spec.images }, images);
    for (const id of spec.loadBalancers) seenHost(four, id).nginx!.out = ['node-2'];
    const mates = planFor(router, { ...exampleImages(router, 'c'), ...images }, four, { batch: 2 });
    expect(gateOf(mates, 'node-2+node-1')).toMatchObject({ leaving: ['node-1'], besides: ['node-2'] });
    const back = planFor(upgrade, upgraded, observedAs(spec, images), { batch: 1, bakeMs: 0, back: true });
    expect(gateOf(back, 'node-1')).toBeUndefined();
    expect(gateOf(back, 'node-2')).toMatchObject({ besides: ['node-3'] });
  });

  test('a part that moves to another port is not asked at one of them', () => {
    const moved = exampleSpec((s) => {
      s.ports.proxy = 18083;
    });
    const plan = planFor(moved, images, observedAs(spec, images));
    expect(gateOf(plan, 'node-1')).toMatchObject({ parts: ['origin', 'tracker', 'build-index'] });
  });
});

describe('a Redis instance that says nothing', () => {
  const image = exampleSpec((s) => {
    s.images.redis = 'redis:7.4';
  });
  const redisImages = { ...exampleImages(image, 'c'), ...images };
  const five = exampleSpec((s) => {
    for (const n of [4, 5]) {
      const address = `10.0.1.${9 + n}`;
      s.nodes.push({ id: `node-${n}`, address, ssh: { address, port: 22, user: 'root' } });
    }
  });
  const silent = (
    is: ClusterSpec,
    host: string,
    change: 'stopped' | 'gone' | 'running',
    from = observedAs(is, images),
  ) => {
    const at = seenHost(from, host);
    at.redis = at.redis.map((r) =>
      r.part === 'redis' ? { host, part: r.part, reachable: false, error: 'connection refused' } : r,
    );
    const { containers } = at;
    if (change === 'gone') containers.splice(0, containers.length, ...containers.filter((c) => c.part !== 'redis'));
    if (change === 'stopped') containers.find((c) => c.part === 'redis')!.state = 'exited';
    return from;
  };
  const order = (plan: Plan) => [...new Set(plan.stages.map((s) => s.node ?? s.id))];
  const kindsOf = (plan: Plan, id: string) => stage(plan, id).steps.map((s) => `${s.kind} ${s.part ?? ''}`.trim());

  test.each<[string, Plan, string[]]>([
    [
      'stopped, under another version',
      planFor(upgrade, upgraded, silent(spec, 'node-3', 'stopped')),
      ['container redis', 'container testfs', 'redis'],
    ],
    [
      'removed and not made again, under another Redis',
      planFor(image, redisImages, silent(spec, 'node-3', 'gone')),
      ['container redis', 'container redis-replica', 'redis'],
    ],
    [
      'of an image that does not start, under the one before',
      planFor(image, redisImages, silent(spec, 'node-3', 'stopped')),
      ['handover', 'container redis', 'container redis-replica', 'redis'],
    ],
  ])('%s: its node comes first, and nobody waits for it before', (_, plan, foundation) => {
    expect(order(plan)).toEqual(['images', 'node-3', 'node-1', 'node-2', 'record']);
    expect(kindsOf(plan, 'node-3/foundation')).toEqual(foundation);
  });

  test('where its container is as it should be it is waited for before any node is begun, and its node hands over', () => {
    const plan = planFor(upgrade, upgraded, silent(spec, 'node-3', 'running'));
    expect(order(plan).slice(0, 3)).toEqual(['images', 'redis-cluster', 'node-1']);
    const other = planFor(image, redisImages, silent(spec, 'node-3', 'running', silent(spec, 'node-1', 'running')));
    expect(order(other)[0]).toBe('images');
    expect(order(other).slice(1, 3)).toEqual(['node-1', 'node-3']);
  });

  test('of two of them the last one sees the Redis Cluster whole', () => {
    const old = { ...exampleImages(five, 'a') };
    const both = silent(five, 'node-3', 'stopped', silent(five, 'node-1', 'stopped', observedAs(five, old)));
    const next = exampleSpec((s) => Object.assign(s, { nodes: five.nodes, images: image.images }));
    const plan = planFor(next, { ...exampleImages(next, 'c'), ...old }, both);
    expect(kindsOf(plan, 'node-1/foundation')).toEqual(['container redis', 'container redis-replica']);
    expect(kinds(stage(plan, 'node-1').gates)).toEqual(['ready']);
    expect(kindsOf(plan, 'node-3/foundation')).toEqual([
      ...['handover', 'container redis', 'container redis-replica', 'redis'],
    ]);
    expect(kinds(stage(plan, 'node-3').gates)).toEqual(['ready', 'redis-whole']);
    expect(kindsOf(plan, 'node-2/foundation')[0]).toBe('handover');
    const atOnce = planFor(next, { ...exampleImages(next, 'c'), ...old }, both, { batch: 2 });
    expect(kindsOf(atOnce, 'node-1+node-3/foundation')).not.toContain('handover');
  });
});

describe('nodes at once', () => {
  const nodes = (parts: PartName[], count = 3) =>
    Array.from({ length: count }, (_, i) => ({ host: `node-${i + 1}`, parts }));
  const large = (count: number): ClusterSpec =>
    exampleSpec((s) => {
      s.nodes = Array.from({ length: count }, (_, i) => ({
        id: `node-${i + 1}`,
        address: `10.0.1.${10 + i}`,
        ssh: { address: `10.0.1.${10 + i}`, port: 22, user: 'root' },
      }));
    });

  test.each<[PartName[], number, number, string[][], string | undefined]>([
    [['proxy'], 3, 1, [['node-1'], ['node-2'], ['node-3']], undefined],
    [['origin'], 7, 3, Array.from({ length: 7 }, (_, i) => [`node-${i + 1}`]), 'two origins share replica sets'],
    [['testfs'], 3, 2, [['node-1'], ['node-2'], ['node-3']], 'on that node alone'],
    [
      ['tracker', 'proxy'],
      4,
      2,
      [
        ['node-1', 'node-2'],
        ['node-3', 'node-4'],
      ],
      undefined,
    ],
    [['tracker'], 3, 2, [['node-1'], ['node-2'], ['node-3']], 'half of the nodes must stay'],
    [
      ['redis'],
      5,
      2,
      [['node-1'], ['node-2'], ['node-3'], ['node-4'], ['node-5']],
      'its replica would be away together',
    ],
  ])('%s of %i nodes, %i asked: %j', (parts, count, wanted, batches, why) => {
    const found = batchesOf(large(count), nodes(parts, count), wanted);
    expect(found.batches).toEqual(batches);
    expect(found.because.join()).toEqual(why ? expect.stringContaining(why) : '');
  });

  test('Redis of nodes that are no neighbours may be replaced at once, as long as a majority of masters stays', () => {
    const apart = [1, 3, 5].map((n) => ({ host: `node-${n}`, parts: ['redis'] as PartName[] }));
    expect(batchesOf(large(7), apart, 3).batches).toEqual([['node-1', 'node-3', 'node-5']]);
    expect(batchesOf(large(5), apart.slice(0, 2), 2).batches).toEqual([['node-1', 'node-3']]);
    expect(batchesOf(large(6), apart, 3).because).toEqual(['a majority of Redis masters must stay']);
  });
});
