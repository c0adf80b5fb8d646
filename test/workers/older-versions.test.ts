import { mkdtempSync, readdirSync, rmSync, utimesSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Deployment, DeploymentServer, VersionState } from '../../src/releases/deployment';
import { KeptCode } from '../../src/workers/kept-code';
import { type Household, OlderVersions } from '../../src/workers/older-versions';
import type { VersionWorkers } from '../../src/workers/version-workers';
import { buildIdOf } from '../../src/workers/workflow-code';

/** What a worker does about the code of other releases, with a Temporal that only says who asks for work and counts what is open. */
const codeOf = (code: string, version: string) => {
  return { code, buildId: buildIdOf(code), release: { version, worker: 'w' } };
};
const own = codeOf('own', '1.1.0');
const old = codeOf('old', '1.0.0');
const newer = codeOf('newer', '1.2.0');

let folder: string;
let kept: KeptCode;
let polls: { identity: string; buildId: string }[];
let open: number;
let events: string[];
let notes: string[];
let older: OlderVersions;

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'krakenctl-older-'));
  kept = new KeptCode(folder, { address: 'a', namespace: 'n' });
  for (const code of [own, old, newer]) kept.keep(code, code.release);
  [polls, open, events, notes] = [[], 1, [], []];
  older = new OlderVersions({
    ...{ server, namespace: 'n', own, identity: 'me', kept },
    isAlive: ({ identity }) => identity !== 'dead',
    open: async ({ buildId }) => workersOf(buildId),
    note: (text) => notes.push(text),
  } satisfies Household);
});
afterEach(() => rmSync(folder, { recursive: true }));

const server = {
  withDeadline: <T>(_: number, work: () => Promise<T>) => work(),
  workflowService: {
    describeTaskQueue: async () => ({
      pollers: polls.map(({ identity, buildId }) => ({
        identity,
        lastAccessTime: { seconds: 1 },
        deploymentOptions: { workerVersioningMode: 2, buildId },
      })),
    }),
    countWorkflowExecutions: async () => ({ count: open }),
  },
} as unknown as DeploymentServer;

function workersOf(buildId: string): VersionWorkers {
  const run = (signal: AbortSignal) => {
    events.push(`run ${buildId}`);
    return new Promise<void>((resolve) => {
      signal.addEventListener('abort', () => {
        events.push(`stop ${buildId}`);
        resolve();
      });
    });
  };
  return { run } as VersionWorkers;
}

const seen = (...versions: [string, VersionState][]): Deployment => ({
  current: versions.find(([, state]) => state === 'current')?.[0],
  versions: versions.map(([buildId, state]) => ({ buildId, state })),
});
const draining = seen([own.buildId, 'current'], [old.buildId, 'draining']);

function age(buildId: string): void {
  const hourAgo = new Date(Date.now() - 3_600_000);
  const kept = join(folder, 'workflow-code', buildId);
  for (const name of readdirSync(kept)) utimesSync(join(kept, name), hourAgo, hourAgo);
}

test('code that others began on is run once while it drains, and put away when it is drained', async () => {
  await older.look(draining);
  await older.look(draining);
  expect(events).toEqual([`run ${old.buildId}`]);
  await older.look(seen([own.buildId, 'current'], [old.buildId, 'drained']));
  expect(events).toEqual([`run ${old.buildId}`, `stop ${old.buildId}`]);
});

test.each([
  ['a living worker of its own', 'other', []],
  ['a dead worker of its own', 'dead', [`run ${old.buildId}`]],
  ['this very process', 'me', [`run ${old.buildId}`]],
])('polled by %s: %#', async (_, identity, expected) => {
  polls = [{ identity, buildId: old.buildId }];
  await older.look(draining);
  expect(events).toEqual(expected);
});

test('code of a newer release is not run with older activities; it is told once, and only while something is open', async () => {
  const state = seen([own.buildId, 'current'], [newer.buildId, 'draining']);
  open = 0;
  await older.look(state);
  expect(notes).toEqual([]);
  open = 2;
  await older.look(state);
  await older.look(state);
  expect(events).toEqual([]);
  expect(notes).toEqual([expect.stringContaining(`2 open on workflow code ${newer.buildId}`)]);
});

test('copies are dropped when nothing can need them: not our own, not the current one, not one that drains, not a young one', async () => {
  await older.look(seen([own.buildId, 'current'], [old.buildId, 'drained']));
  expect(kept.list().sort()).toEqual([own, old, newer].map((c) => c.buildId).sort());
  for (const { buildId } of [own, old, newer]) age(buildId);
  await older.look(seen([newer.buildId, 'current'], [old.buildId, 'draining']));
  expect(kept.list().sort()).toEqual([own, old, newer].map((c) => c.buildId).sort());
  await older.look(seen([newer.buildId, 'current'], [old.buildId, 'drained']));
  expect(kept.list().sort()).toEqual([own, newer].map((c) => c.buildId).sort());
});

test('closed, it ends all that it runs', async () => {
  await older.look(draining);
  await older.close();
  expect(events).toEqual([`run ${old.buildId}`, `stop ${old.buildId}`]);
});
