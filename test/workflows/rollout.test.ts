import { WorkflowFailedError } from '@temporalio/client';
import { HeartbeatWatch } from '../../src/cli/heartbeats';
import { EngineError } from '../../src/clients/errors';
import type { DeployInput, OperationProgress } from '../../src/contracts/operation';
import { stateOf } from '../campaign/modelled-state';
import { failureOf } from '../support/failure-of';
import { MemoryLab } from '../support/memory-hosts';
import { type Bench, openBench } from '../support/temporal';

let lab: MemoryLab;
let bench: Bench;

beforeEach(async () => {
  lab = new MemoryLab();
  bench = await openBench(lab);
});
afterEach(() => bench.close());

const recordPath = '/var/lib/krakenctl/cluster/state.json';
const policy = { batch: 1, approveEachNode: false, approveWithinMs: 1000, bakeMs: 0, rollback: true };
const rollout = (version: string, change: Partial<typeof policy> = {}) => {
  return (input: DeployInput) => {
    input.policy = { ...policy, ...change };
    input.spec.images.version = version;
  };
};
const versionOf = (node: string, part: string) => lab.machine(node).part(part)?.image.replace(/^.*:/, '');
const nginxOut = (node: string) => / out=([^"\\]*)/.exec(lab.machine(node).nginxRuns)?.[1];
/** Containers, rendered files and Redis roles; not the record, which grows. */
const stateWithoutRecord = () =>
  Object.fromEntries(
    Object.entries(stateOf(lab)).map(([id, host]) => [id, { ...(host as object), record: undefined }]),
  );

describe('a rollout', () => {
  test('replaces a node only while every load balancer leaves it out, and never two nodes at once', async () => {
    await bench.deploy();
    const seen: string[] = [];
    lab.hook = (moment, effect, host) => {
      const part = /^(?:stop|remove|create) kraken-cluster-node-\d-(.*)$/.exec(effect)?.[1];
      if (moment !== 'before' || part === undefined) return;
      seen.push(...['node-1', 'node-2', 'node-3'].map((lb) => `${host} out of ${lb}: ${nginxOut(lb)}`));
    };
    await bench.deploy(rollout('v0.1.28'));
    expect(seen.length).toBeGreaterThan(0);
    for (const line of seen) expect(line).toMatch(/^(node-\d) out of node-\d: \1$/);
    for (const node of ['node-1', 'node-2', 'node-3']) {
      expect(nginxOut(node)).toBeUndefined();
      expect(versionOf(node, 'origin')).toBe('v0.1.28');
    }
    const { changed } = await bench.deploy(rollout('v0.1.28'));
    expect(changed).toBe(false);
  });

  test('waits with a node until nothing is under way there, and says what is', async () => {
    await bench.deploy();
    Object.assign(lab.machine('node-2').underWay, { connections: 3 });
    const before = lab.journal.length;
    const handle = await bench.start(rollout('v0.1.28'));
    const heartbeats = new HeartbeatWatch(handle);
    const waiting = async () => {
      const { stages } = await heartbeats.onto(await handle.query<OperationProgress>('progress'));
      return stages.some((s) => s.now.includes('gate quiet: node-1: 3 requests under way'));
    };
    while (!(await waiting())) await new Promise((resolve) => setTimeout(resolve, 50));
    expect(lab.journal.slice(before).filter((line) => / stop /.test(line))).toEqual([]);
    Object.assign(lab.machine('node-2').underWay, { connections: 0 });
    await handle.result();
    expect(versionOf('node-3', 'proxy')).toBe('v0.1.28');
  });

  test('cancelled in the middle of a node it ends when that node is back, and the next is not begun', async () => {
    await bench.deploy();
    let handle: Awaited<ReturnType<Bench['start']>> | undefined;
    lab.hook = async (moment, effect) => {
      if (moment === 'before' && effect === 'create kraken-cluster-node-1-proxy') await handle?.cancel();
    };
    handle = await bench.start(rollout('v0.1.28'));
    await expect(handle.result()).rejects.toBeInstanceOf(WorkflowFailedError);
    expect((await handle.query<OperationProgress>('progress')).state).toBe('cancelled');
    expect(['node-1', 'node-2'].map((node) => versionOf(node, 'proxy'))).toEqual(['v0.1.28', 'v0.1.27']);
    expect(nginxOut('node-3')).toBeUndefined();
  });

  test('what was applied before is kept in the record, to come back to', async () => {
    await bench.deploy();
    const first = await bench.deploy(rollout('v0.1.28'));
    const record = JSON.parse(lab.machine('node-1').stored.get(recordPath)!.contents.toString());
    expect(record).toMatchObject({ generation: 2, before: { generation: 1, operation: { name: 'deploy-1' } } });
    expect(record.before.spec.images.version).toBe('v0.1.27');
    const undone = await bench.deploy((input) => {
      Object.assign(input, { policy, spec: record.before.spec });
      input.operation.verb = 'undo';
      input.undo = { images: record.before.images, takesBack: first.generation, operation: first.name };
    });
    expect(undone).toMatchObject({ name: 'undo-1', changed: true });
    expect(versionOf('node-2', 'tracker')).toBe('v0.1.27');
    const again = bench.deploy((input) => {
      Object.assign(input, { policy, spec: record.spec });
      input.undo = { images: record.images, takesBack: first.generation, operation: first.name };
    });
    expect(await failureOf(again)).toMatchObject({ type: 'PLAN_CHANGED' });
  });
});

/** What the new version of a part writes; the one before it says something else. */
function says(node: string, text: string): void {
  lab.machine(node).says = ({ image }) => (image.endsWith('v0.1.28') ? text : 'all is well');
}

/** From the moment at which that node's own part was replaced by the new version. */
function misbehaves(node: string, part: 'origin' | 'build-index' | 'tracker'): void {
  lab.machine(node).serves = (asked, response) =>
    asked === part && versionOf(node, part) === 'v0.1.28'
      ? { ...response, body: Buffer.from('{"wrong":1}') }
      : response;
}

describe('a rollout that goes wrong', () => {
  test.each(['origin', 'tracker'] as const)(
    'a %s that serves something else is found before it serves anybody, and the node goes back',
    async (part) => {
      await bench.deploy();
      const before = stateWithoutRecord();
      const ids = [...lab.machine('node-2').containers.keys()];
      misbehaves('node-1', part);
      says('node-1', `read\n\u001b[31mgave\u0007 up\u001b[0m, password=CANARY`);
      const failure = await failureOf(bench.deploy(rollout('v0.1.28')));
      expect(failure).toMatchObject({ type: 'ROLLED_BACK', message: expect.stringContaining(`${part} of node-1`) });
      expect(failure?.message).toContain('no part of node-2, node-3 was touched');
      const lines = ['read', 'gave<U+0007> up, password=[redacted]'];
      expect(failure.details).toEqual([
        expect.objectContaining({
          ...{ failedWith: 'CANARY_FAILED', hint: 'krakenctl op show deploy-2', host: 'node-1' },
          logTail: { host: 'node-1', part, lines },
        }),
      ]);
      expect(stateWithoutRecord()).toEqual(before);
      expect([...lab.machine('node-2').containers.keys()]).toEqual(ids);
      const line = lab.machine('node-3').stored.get('/var/lib/krakenctl/cluster/operations.jsonl')!.contents.toString();
      expect(
        line
          .trim()
          .split('\n')
          .map((text) => JSON.parse(text).result),
      ).toEqual(['done', 'rolled-back']);
      expect((await bench.deploy()).changed).toBe(false);
    },
  );

  test('what was changed in place on every node is said to have been taken back there', async () => {
    await bench.deploy();
    const before = stateWithoutRecord();
    misbehaves('node-1', 'origin');
    const failure = await failureOf(
      bench.deploy((input) => {
        rollout('v0.1.28')(input);
        input.spec.redis.maxmemoryBytes *= 2;
      }),
    );
    expect(failure).toMatchObject({
      type: 'ROLLED_BACK',
      message: expect.stringMatching(/rolled back: node-1, node-2, node-3 as before$/),
    });
    expect(stateWithoutRecord()).toEqual(before);
  });

  test('with other ports of the load balancers a bad node stays out until it is as before', async () => {
    await bench.deploy();
    const before = stateWithoutRecord();
    misbehaves('node-1', 'origin');
    const seen: (string | undefined)[] = [];
    lab.hook = (moment, effect) => {
      if (moment !== 'after' || !effect.startsWith('hangUp') || versionOf('node-1', 'origin') !== 'v0.1.28') return;
      seen.push(...['node-1', 'node-2', 'node-3'].map(nginxOut));
    };
    const change = (input: DeployInput) => {
      rollout('v0.1.28')(input);
      input.spec.ports.lbProxy = 5001;
    };
    expect(await failureOf(bench.deploy(change))).toMatchObject({ type: 'ROLLED_BACK' });
    expect(new Set(seen)).toEqual(new Set(['node-1']));
    expect(stateWithoutRecord()).toEqual(before);
  });

  test('what went well on earlier nodes goes back too, so that all nodes are as before', async () => {
    await bench.deploy();
    const before = stateWithoutRecord();
    misbehaves('node-2', 'origin');
    lab.machine('node-2').says = () => {
      throw new EngineError('the log is damaged', 'node-2', 500);
    };
    const failure = await failureOf(bench.deploy(rollout('v0.1.28')));
    // A log that cannot be read changes nothing.
    expect(failure.type).toBe('ROLLED_BACK');
    expect(failure.details?.[0]).not.toHaveProperty('logTail');
    expect(stateWithoutRecord()).toEqual(before);
  });

  test('a Redis master that went elsewhere meanwhile is handed back at the end, and nothing is taken back', async () => {
    await bench.deploy();
    const replica = lab.machine('node-1').redis(6380);
    let moved = 0;
    lab.hook = async (moment, effect) => {
      if (moment !== 'after' || effect !== 'create kraken-cluster-node-2-origin' || moved > 0) return;
      moved += 1;
      await replica.failover();
    };
    expect(await bench.deploy(rollout('v0.1.28'))).toMatchObject({ changed: true });
    expect(moved).toBe(1);
    expect((await replica.replication()).role).toBe('slave');
    expect(versionOf('node-3', 'origin')).toBe('v0.1.28');
  });

  test('a part that the Engine had to start again is found before the next node begins', async () => {
    await bench.deploy();
    const before = stateWithoutRecord();
    lab.hook = (moment, effect) => {
      // The last thing that happens to node-1: from here on it serves.
      if (moment === 'after' && effect === 'hangUp kraken-cluster-node-3-nginx' && !nginxOut('node-3')) {
        const tracker = lab.machine('node-1').part('tracker')!;
        if (versionOf('node-1', 'tracker') === 'v0.1.28') Object.assign(tracker, { restartCount: 1, exitCode: 2 });
      }
    };
    says('node-1', 'panic: token=CANARY');
    const failure = await failureOf(bench.deploy(rollout('v0.1.28')));
    expect(failure).toMatchObject({
      type: 'ROLLED_BACK',
      message: expect.stringMatching(/tracker on node-1 exited \(2\).*"panic: token=\[redacted\]"/),
      details: [{ logTail: { host: 'node-1', part: 'tracker', lines: ['panic: token=[redacted]'] } }],
    });
    expect(stateWithoutRecord()).toEqual(before);
  });

  test('without rollback it stays as it is, and the next deploy says that the node is out and takes it back', async () => {
    await bench.deploy();
    misbehaves('node-1', 'origin');
    says('node-1', 'gave up');
    const run = await bench.start(rollout('v0.1.28', { rollback: false }));
    const logTail = { host: 'node-1', part: 'origin', lines: ['gave up'] };
    const hint = 'krakenctl logs node-1 origin';
    expect(await failureOf(run.result())).toMatchObject({ type: 'CANARY_FAILED', details: [{ hint, logTail }] });
    expect((await run.query<OperationProgress>('progress')).failure).toMatchObject({ code: 'CANARY_FAILED', logTail });
    expect(versionOf('node-1', 'origin')).toBe('v0.1.28');
    expect(nginxOut('node-2')).toBe('node-1');
    const { plan } = await bench.deploy(rollout('v0.1.27'));
    expect(plan.stages.find((s) => s.id === 'node-1/back')?.steps[0]?.because[0]).toContain('has left node-1 out');
    expect(nginxOut('node-2')).toBeUndefined();
    expect(versionOf('node-1', 'origin')).toBe('v0.1.27');
  });

  test('what runs without having been recorded is proven before it is', async () => {
    await bench.deploy();
    for (const node of ['node-1', 'node-2', 'node-3']) {
      const { stored } = lab.machine(node);
      const file = stored.get(recordPath)!;
      const record = { ...JSON.parse(file.contents.toString()), desiredHash: 'of another state' };
      stored.set(recordPath, { ...file, contents: Buffer.from(JSON.stringify(record)) });
    }
    const again = await bench.deploy();
    expect(again.plan).toMatchObject({ recordOnly: true });
    expect(again.proof).toMatchObject({ pushedThrough: 'node-1' });
  });

  test('an operation that only mends keeps what an undo goes back to', async () => {
    await bench.deploy();
    await bench.deploy(rollout('v0.1.28'));
    const { host } = lab.machine('node-2');
    const connection = await lab.connect(host);
    const proxy = lab.machine('node-2').part('proxy')!;
    await connection.engine.remove(proxy.id);
    await bench.deploy(rollout('v0.1.28'));
    const record = JSON.parse(lab.machine('node-1').stored.get(recordPath)!.contents.toString());
    expect(record).toMatchObject({
      operation: { name: 'deploy-3' },
      broughtBy: { name: 'deploy-2' },
      before: { spec: { images: { version: 'v0.1.27' } } },
    });
  });

  test('a way back that fails too is said as such', async () => {
    await bench.deploy();
    lab.machine('node-1').serves = (asked, response) =>
      asked === 'origin' ? { ...response, body: Buffer.from('never right again') } : response;
    says('node-1', 'gave up');
    const failure = await failureOf(bench.deploy(rollout('v0.1.28')));
    expect(failure).toMatchObject({
      type: 'ROLLBACK_FAILED',
      message: expect.stringContaining('the way back failed: CANARY_FAILED'),
      details: [{ hint: 'krakenctl logs node-1 origin', logTail: { part: 'origin', lines: ['gave up'] } }],
    });
    expect(versionOf('node-2', 'origin')).toBe('v0.1.27');
  });

  test('what a running cluster cannot be brought to yet is refused by name, and nothing is touched', async () => {
    await bench.deploy();
    const before = lab.journal.length;
    const failure = await failureOf(
      bench.deploy((input) => {
        rollout('v0.1.28')(input);
        input.spec.ports.redis = 6390;
      }),
    );
    expect(failure).toMatchObject({
      type: 'CHANGE_NOT_BUILT',
      message: expect.stringContaining('REDIS_PORT 6379 → 6390'),
    });
    expect(lab.journal.slice(before)).toEqual([]);
  });

  test('what fails before anything was changed is no rollback', async () => {
    await bench.deploy();
    const failure = await failureOf(
      bench.deploy((input) => {
        rollout('v0.1.28')(input);
        input.spec.images.redis = 'missing:1';
      }),
    );
    expect(failure).toMatchObject({ type: 'IMAGE_MISSING' });
  });
});
