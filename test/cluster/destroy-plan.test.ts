import { type DestroyPlanInput, planDestroy } from '../../src/cluster/destroy-plan';
import { clusterFolder, clusterFolderKinds } from '../../src/cluster/names';
import type { HostFolders, ObservedFolder } from '../../src/cluster/observed';
import { exampleImages, exampleSpec, observedAs, seenHost } from '../support/cluster';

const spec = exampleSpec();

function folders(host: string, kind: ObservedFolder['kind'] = 'folder'): HostFolders {
  const of = (path: string): ObservedFolder => (kind === 'folder' ? { path, kind, bytes: 4096 } : { path, kind });
  return { host, folders: clusterFolderKinds.map((what) => of(clusterFolder(spec.name, what))) };
}

function input(change: (input: DestroyPlanInput) => void = () => undefined): DestroyPlanInput {
  const made: DestroyPlanInput = {
    spec: structuredClone(spec),
    observed: observedAs(spec, exampleImages(spec)),
    folders: spec.nodes.map((n) => folders(n.id)),
    keepData: false,
    skipUnreachable: false,
  };
  change(made);
  return made;
}

const both =
  (...changes: ((i: DestroyPlanInput) => unknown)[]) =>
  (i: DestroyPlanInput): void => {
    for (const change of changes) change(i);
  };
const keepData = (i: DestroyPlanInput) => Object.assign(i, { keepData: true });
const skip = (i: DestroyPlanInput) => Object.assign(i, { skipUnreachable: true });
const plan = (change?: (input: DestroyPlanInput) => void, owner = 'owner') => planDestroy(input(change), owner);
const bare = (i: DestroyPlanInput) => {
  for (const host of i.observed.hosts) if (host.reachable) host.containers = [];
  i.folders = spec.nodes.map((n) => folders(n.id, 'absent'));
};
const away = (i: DestroyPlanInput) => {
  i.observed.hosts[2] = { host: 'node-3', reachable: false, error: 'no route' };
  i.folders.pop();
};

test('stages go from who serves to who keeps, and the record is last', () => {
  const { stages, conflicts, empty } = plan();
  expect(stages.map((s) => [s.id, s.steps.length])).toEqual([
    ['balancers', 3],
    ['parts', 12],
    ['storage', 12],
    ['files', 6],
    ['data', 3],
    ['forget', 3],
  ]);
  expect([conflicts, empty]).toEqual([[], false]);
});

test('containers are removed by the id that was seen, side by side', () => {
  const steps = plan()
    .stages.flatMap((s) => s.steps)
    .filter((s) => s.kind === 'remove');
  expect(new Set(steps.map((s) => s.lane)).size).toBe(27);
  expect(steps.every((s) => s.seen?.startsWith('cid-'))).toBe(true);
});

test('a container of ours that no part knows is removed too', () => {
  const { stages } = plan((i) => Object.assign(seenHost(i.observed, 'node-1').containers[0]!, { part: undefined }));
  expect(stages.flatMap((s) => s.steps).filter((s) => s.kind === 'remove')).toHaveLength(27);
});

test('bare hosts: nothing to destroy', () => {
  expect(plan(bare)).toMatchObject({ empty: true, stages: [], conflicts: [] });
});

test('a record alone is still something to destroy', () => {
  const { stages } = plan((i) => {
    bare(i);
    const record = { path: '/var/lib/krakenctl/cluster', kind: 'folder' as const, bytes: 1 };
    i.folders[1] = { host: 'node-2', folders: [record] };
  });
  expect(stages.map((s) => s.id)).toEqual(['forget']);
});

test('--keep-data keeps data and record', () => {
  const { stages, keepsRecord, folders: shown } = plan(both(keepData));
  expect(stages.map((s) => s.id)).toEqual(['balancers', 'parts', 'storage', 'files']);
  expect(keepsRecord).toBe(true);
  expect(new Set(shown.filter((f) => !f.removed).map((f) => f.what))).toEqual(new Set(['data', 'record']));
});

test('kept data alone: nothing to destroy with --keep-data, data and record without', () => {
  const kept = (i: DestroyPlanInput) => {
    bare(i);
    i.folders = spec.nodes.map(({ id }) => ({
      host: id,
      folders: folders(id).folders.filter((f) => f.path.startsWith('/var/lib/')),
    }));
  };
  expect(plan(both(kept, keepData)).empty).toBe(true);
  expect(plan(kept).stages.map((s) => s.id)).toEqual(['data', 'forget']);
});

test('a host that is away is unseen; skipped, it is left and the record stays on the others', () => {
  expect(plan(away)).toMatchObject({ unseen: [{ host: 'node-3' }], left: [] });
  const skipped = plan(both(away, skip));
  expect(skipped).toMatchObject({ left: [{ host: 'node-3' }], keepsRecord: true });
  expect(skipped.stages.map((s) => s.id)).not.toContain('forget');
});

test('a node that the record knows and .env does not is left, and said', () => {
  const { left, keepsRecord } = plan((i) => {
    i.spec.nodes[2]!.ssh.address = '10.0.1.99';
  });
  expect(left).toEqual([{ host: 'node-3', why: expect.stringContaining('10.0.1.12') }]);
  expect(keepsRecord).toBe(true);
});

test.each(['link', 'mounted', 'other'] as const)('a folder that is %s is a conflict, unless it is kept', (kind) => {
  const plant = (i: DestroyPlanInput) => {
    i.folders[0]!.folders.find((f) => f.path === '/var/lib/kraken/cluster')!.kind = kind;
  };
  expect(plan(plant).conflicts).toEqual([{ host: 'node-1', what: '/var/lib/kraken/cluster', why: expect.any(String) }]);
  expect(plan(both(plant, keepData)).conflicts).toEqual([]);
});

test('a container of our name without our label is a conflict and no step', () => {
  const { conflicts, stages } = plan((i) => {
    const origin = seenHost(i.observed, 'node-1').containers.find((c) => c.part === 'origin')!;
    Object.assign(origin, { cluster: undefined, part: undefined });
  });
  expect(conflicts).toEqual([{ host: 'node-1', what: 'kraken-cluster-node-1-origin', why: expect.any(String) }]);
  expect(stages.flatMap((s) => s.steps).map((s) => s.target)).not.toContain('kraken-cluster-node-1-origin');
});

test("another krakenctl's hosts are named", () => {
  expect(plan().foreign).toEqual([]);
  expect(plan(undefined, 'us').foreign.map((f) => f.host)).toEqual(['node-1', 'node-2', 'node-3']);
});

describe('the hash', () => {
  const { hash } = plan();
  test.each<[string, boolean, (i: DestroyPlanInput) => void]>([
    ['nothing', true, () => undefined],
    ['a folder that grew', true, (i) => Object.assign(i.folders[0]!.folders[2]!, { bytes: 9999 })],
    [
      'a container made anew',
      false,
      (i) => Object.assign(seenHost(i.observed, 'node-1').containers[0]!, { id: 'new' }),
    ],
    ['--keep-data', false, (i) => Object.assign(i, { keepData: true })],
    ['a host that went away', false, away],
    ['a folder that is a link', false, (i) => Object.assign(i.folders[0]!.folders[0]!, { kind: 'link' })],
  ])('with %s is the same: %s', (_, same, change) => {
    expect(plan(change).hash === hash).toBe(same);
  });
});
