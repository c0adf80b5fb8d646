import { doubtForeign } from '../../src/cli/inspect';
import { describeDoubts, renderPlan } from '../../src/cli/plan-text';
import type { Observed } from '../../src/cluster/observed';
import type { Plan } from '../../src/cluster/plan';
import type { ClusterSpec } from '../../src/cluster/spec';
import { exampleImages, exampleSpec, observedAs, planFor, seenHost } from '../support/cluster';
import { plain } from './streams';

interface Change {
  spec?: (spec: ClusterSpec) => void;
  observed?: (observed: Observed) => void;
}

/** A cluster as deployed, then what a person or the world did to it. */
function planAfter({ spec: change = () => undefined, observed: touch = () => undefined }: Change): Plan {
  const before = exampleSpec();
  const observed = observedAs(before, exampleImages(before));
  touch(observed);
  const after = exampleSpec(change);
  return planFor(after, { ...exampleImages(after, 'b'), ...exampleImages(before) }, observed);
}

function upgrade(spec: ClusterSpec): void {
  spec.images.version = 'v0.1.28';
}

function render(plan: Plan, columns = 160): string {
  const view = { colors: plain, columns, tookMs: 312, hosts: 3, verbose: false };
  return renderPlan(plan, view).join('\n');
}

test('nothing to change is one line, with what was looked at', () => {
  const text = render(planAfter({}));
  expect(text).toContain('cluster  3/3 hosts seen in 0.3s · nothing was changed');
  expect(text).toMatch(/nothing to change · \d+ containers and files as they should be/);
  expect(text).not.toContain('--plan');
});

test('a new version is one line for all parts of all hosts, from what to what and because of which line', () => {
  const plan = planAfter({ spec: upgrade });
  const text = render(plan);
  const [line] = text.split('\n').filter((l) => l.includes('±'));
  expect(line).toMatch(/± testfs origin tracker build-index proxy +v0\.1\.27 → v0\.1\.28/);
  expect(text).toContain('KRAKEN_VERSION v0.1.27 → v0.1.28 (.env:14)');
  expect(text).toContain('node-1..3');
  expect(text).toContain('replace 15');
  expect(text).toContain('order  images → node-1 → node-2 → node-3\n');
  expect(text).toContain('serving 2 of 3 nodes at every moment');
  expect(text).not.toContain('nginx');
  expect(text).toContain(`apply exactly this: krakenctl deploy --plan ${plan.hash.slice(0, 12)}`);
});

test('nodes that do not run are not counted among those that serve', () => {
  const plan = planAfter({
    spec: upgrade,
    observed: (o) => {
      for (const node of ['node-2', 'node-3'])
        seenHost(o, node).containers.find((c) => c.part === 'origin')!.state = 'exited';
    },
  });
  expect(render(plan)).toContain('serving 1 of 3 nodes at every moment');
});

test('certificates that have ended are told with what follows of it', () => {
  const plan = { ...planAfter({ spec: upgrade }), rolling: false, ended: '2026-11-30T00:00:00.000Z' };
  expect(render(plan)).toContain(
    ' ! the certificates ended at 2026-11-30T00:00:00.000Z: nobody is served now, so all hosts at once\n',
  );
});

test('a container that is gone is named on its host, with the reason', () => {
  const remove = (o: Observed) => {
    const host = seenHost(o, 'node-2');
    host.containers = host.containers.filter((c) => c.part !== 'origin');
  };
  const lines = render(planAfter({ observed: remove })).split('\n');
  expect(lines.filter((l) => l.includes('+'))).toHaveLength(1);
  expect(lines.find((l) => l.includes('+'))).toMatch(
    /^ node-2 +\+ origin +v0\.1\.27 +the container is missing on the host$/,
  );
});

test('a file changed by hand is drift, with its time', () => {
  const edit = (o: Observed) => {
    const file = seenHost(o, 'node-2').files.find((f) => f.path.endsWith('nginx.conf'))!;
    Object.assign(file, { sha256: 'f'.repeat(64), changedAt: 1_700_000_000 });
  };
  const text = render(planAfter({ observed: edit }));
  expect(text).toMatch(/node-2 +~ nginx\/nginx\.conf +rewrite +drift: changed on the host at 2023-11-14T22:13:20/);
});

test('a host that was not seen is said, and no token is offered', () => {
  const lose = (o: Observed) => {
    o.hosts[1] = { host: 'node-2', reachable: false, error: 'connect ETIMEDOUT' };
  };
  const text = render(planAfter({ observed: lose }));
  expect(text).toContain('2/3 hosts seen');
  expect(text).toMatch(/node-2 +\? not seen +connect ETIMEDOUT/);
  expect(text).not.toContain('--plan');
});

test('a container of somebody else in our way is a conflict, and no token is offered', () => {
  const foreign = (o: Observed) => {
    const container = seenHost(o, 'node-3').containers[0]!;
    Object.assign(container, { cluster: undefined, fingerprint: undefined });
  };
  const text = render(planAfter({ observed: foreign }));
  expect(text).toMatch(/node-3 +✘ kraken-cluster-node-3-redis/);
  expect(text).not.toContain('--plan');
});

test("another krakenctl's hosts are named, and no token is offered", () => {
  const foreign = [{ host: 'node-2', why: 'it is looked after by another krakenctl' }];
  const text = render({ ...planAfter({ spec: upgrade }), foreign });
  expect(text).toMatch(/node-2 +✘ it is looked after by another[\s\S]*\n a deploy would refuse$/);
  expect(text).not.toContain('--plan');
});

test('a look from a machine that is not the worker doubts, and does not call a cluster foreign', () => {
  const spec = exampleSpec();
  const observed = observedAs(spec, exampleImages(spec));
  const owner = { id: 'the worker or another', temporal: '10.0.0.5:7233', namespace: 'default' };
  for (const host of ['node-1', 'node-2']) seenHost(observed, host).owner = owner;
  const foreign = ['node-1', 'node-2'].map((host) => ({ host, why: 'it has another id' }));
  const inspection = { observed, plan: { ...planAfter({}), foreign } };
  expect(describeDoubts(doubtForeign(inspection).doubted)).toEqual([
    ' ? node-1..2: looked after through Temporal 10.0.0.5:7233, namespace default; only its worker can say whether that is this krakenctl',
  ]);
  expect(inspection.plan.foreign).toBeUndefined();
  expect(describeDoubts(doubtForeign({ observed, plan: planAfter({}) }).doubted)).toEqual([]);
});

test('on a narrow terminal reasons stand below, and no line is lost', () => {
  const text = render(planAfter({ spec: upgrade }), 80);
  expect(text).toMatch(/v0\.1\.27 → v0\.1\.28\n +KRAKEN_VERSION/);
});

test('a first deploy is a handful of lines, not one per container', () => {
  const spec = exampleSpec();
  const observed = observedAs(spec, exampleImages(spec));
  for (const id of ['node-1', 'node-2', 'node-3']) {
    Object.assign(seenHost(observed, id), { containers: [], files: [], images: [], record: undefined });
  }
  const text = render(planFor(spec, exampleImages(spec), observed));
  expect(text.split('\n').length).toBeLessThan(15);
  expect(text).toMatch(/create \d\d/);
});

test('what changes in place is one line for all instances, with the line of .env and no restart', () => {
  const change = (s: ClusterSpec) => {
    Object.assign(s.redis, { maxmemoryBytes: 2 ** 29 });
    Object.assign(s.limits.origin, { memoryBytes: 2 ** 30 });
    Object.assign(s.limits.redis, { memoryBytes: 2 ** 30 });
    Object.assign(s.limits['redis-replica'], { memoryBytes: 2 ** 30 });
  };
  const plan = planAfter({ spec: change });
  const lines = render(plan).split('\n');
  expect(lines.slice(1, -1).map((line) => line.trimEnd())).toEqual([
    ' node-1..3  ~ redis/redis.conf redis-replica/redis.conf  rewrite  REDIS_MAXMEMORY 256mb → 512mb (.env:31)',
    '            ~ redis ×6                                   memory limit 512 MiB → 1 GiB, live, no restart  .env:30 REDIS_MEMORY_LIMIT',
    '            ~ origin ×3                                  memory limit 512 MiB → 1 GiB, live, no restart  .env:20 ORIGIN_MEMORY_LIMIT',
    '            ~ redis ×6                                   maxmemory 256mb → 512mb, live, no restart  .env:31 REDIS_MAXMEMORY',
    ' replace 0 · change in place 21 · create 0 · remove 0 · keep 39',
  ]);
});

test('what changes in place node by node says in which order, and with which option', () => {
  const before = exampleSpec();
  const after = exampleSpec((s) => void Object.assign(s.redis, { maxmemoryBytes: 2 ** 29 }));
  const pace = { batch: 1, approveEachNode: true };
  const plan = planFor(after, exampleImages(before), observedAs(before, exampleImages(before)), pace);
  const view = { colors: plain, columns: 160, tookMs: 312, hosts: 3, verbose: false, options: '--approve-each-node' };
  expect(renderPlan(plan, view).slice(-2)).toEqual([
    ' order  node-1/live → node-2/live → node-3/live',
    ` apply exactly this: krakenctl deploy --approve-each-node --plan ${plan.hash.slice(0, 12)}`,
  ]);
});

test('a setting changed by hand is drift of that instance by its own name', () => {
  const set = (o: Observed) => {
    const replica = seenHost(o, 'node-2').redis.find((r) => r.part === 'redis-replica')!;
    Object.assign(replica, { settings: { maxmemory: '1048576' } });
  };
  const text = render(planAfter({ observed: set }));
  expect(text).toMatch(
    /node-2 +~ redis-replica +maxmemory 1mb → 256mb, live, no restart +drift: the running Redis has another value than its file\n/,
  );
});

test('a node that an ended operation left out is told first, with that operation', () => {
  const plan = planAfter({ spec: upgrade });
  const lines = render({ ...plan, left: [{ host: 'node-2', operation: '20261125-deploy-893b' }] }).split('\n');
  expect(lines[1]).toBe(
    ' ! node-2 is out of the load balancers: 20261125-deploy-893b did not come to its end; this comes first, and takes it back',
  );
  expect(render({ ...plan, left: [{ host: 'node-2' }] })).toContain('balancers: an operation did not come to its end');
});
