import { createColors } from 'picocolors';
import type { AgentRow } from '../../src/cli/agent-listing';
import { renderAgent, renderAgents, renderEnrolled, renderPulls, stateOf } from '../../src/cli/agent-text';
import { describeFleet, isFleetReport } from '../../src/cli/fleet-text';
import { planAgent } from '../../src/cluster/agents/agent-plan';
import type { ObservedAgent, SeenAgent } from '../../src/cluster/agents/observed';
import type { FleetReport } from '../../src/contracts/agents';

const colors = createColors(false);
const view = { colors, now: 1_000_000 };
const serving: SeenAgent = {
  vm: 'root@10.0.2.1:22',
  reachable: true,
  ready: true,
  tookMs: 5,
  unit: 'active',
  enabled: true,
  owner: 'us',
  current: 'r1',
  complete: true,
  image: true,
  container: {
    release: 'r1',
    state: 'running',
    startedAt: '2026-11-23T00:00:00Z',
    image: 'kraken-agent@sha256:aa',
    isWanted: true,
  },
  choice: { className: 'small-10g', cores: 2, memoryMebibytes: 4000, peer: '10.0.2.1' },
  takenPorts: [],
  missing: [],
  freeBytes: 1e11,
};
const row = (seen: ObservedAgent, parked?: AgentRow['parked']): AgentRow => ({
  vm: seen.vm,
  seen,
  wanted: 'r1',
  plan: planAgent(seen, { id: 'r1' }, 'us'),
  parked,
});

test.each<[string, ObservedAgent]>([
  ['serving', serving],
  ['starting', { ...serving, ready: false }],
  ['outdated', { ...serving, current: 'r0' }],
  ['stopped', { ...serving, unit: 'inactive', container: undefined }],
  ['absent', { ...serving, unit: 'absent', current: undefined, container: undefined, owner: undefined }],
  ['refused', { ...serving, owner: 'them' }],
  ['unreachable', { vm: serving.vm, reachable: false, error: 'no route to host' }],
])('an agent is %s', (state, seen) => {
  expect(stateOf(row(seen))).toBe(state);
});

test.each([
  [0, 'no agent yet · krakenctl agent deploy 10.0.2.10'],
  [1, 'no agent on the lists that could be read'],
])('without an agent and %d nodes unseen', (unseen, text) => {
  expect(renderAgents([], { ...view, unseen })).toEqual([text]);
});

test('a VM that was thrown out says so, and how it comes back; one that enrolled with a token is not called unverified', () => {
  const lines = renderAgents([{ ...row(serving), revoked: true }], { ...view, unseen: 0 });
  expect(lines[1]).toContain('krakenctl agent deploy 10.0.2.1 lets it in again');
  const [one, other] = renderEnrolled([
    { address: '10.0.2.8', ageSeconds: 5, verified: true },
    { address: '10.0.2.9', ageSeconds: 5 },
  ]);
  expect(one).toContain('enrolled with a token');
  expect(one).not.toContain('unverified');
  expect(other).toContain('unverified');
});

test('a parked VM says why, how often and when again; the last line counts', () => {
  const away: ObservedAgent = { vm: 'root@10.0.2.2:22', reachable: false, error: 'no route to host' };
  const parked = { vm: away.vm, since: 0, tries: 3, why: 'no route to host', nextTryAt: view.now + 40_000 };
  const lines = renderAgents([row(serving), row(away, parked)], { ...view, unseen: 0 });
  expect(lines).toEqual([
    expect.stringMatching(/^ VM +STATE/),
    expect.stringMatching(/^ 10\.0\.2\.1 +serving +r1 +small-10g +10\.0\.2\.1$/),
    expect.stringMatching(/^ 10\.0\.2\.2 +unreachable .*parked, tried 3 times, again in 40s: no route to host/),
    '1 of 2 agents serve, 1 parked and tried again by themselves',
  ]);
});

test('a VM that is to lose its agent says what to type, or when it is tried again; it is none of those that shall serve', () => {
  const away: ObservedAgent = { vm: 'root@10.0.2.2:22', reachable: false, error: 'no route to host' };
  const parked = { vm: away.vm, since: 0, tries: 3, why: 'no route to host', nextTryAt: view.now + 40_000 };
  const leaving = { leaving: true as const };
  const rows = [row(serving), { ...row({ ...serving, vm: 'root@10.0.2.3:22' }), ...leaving }];
  const [, , two, three, four, count] = renderAgents(
    [...rows, { ...row(away), ...leaving }, { ...row(away, parked), ...leaving }],
    { ...view, unseen: 0 },
  );
  expect(two).toMatch(/^ 10\.0\.2\.3 +serving .*to be removed → krakenctl agent remove 10\.0\.2\.3$/);
  expect(three).toContain('to be removed → krakenctl agent remove 10.0.2.2: no route to host');
  expect(four).toContain('to be removed tried 3 times, again in 40s: no route to host');
  expect(count).toBe('1 of 1 agents serve, 3 to be removed, 1 parked and tried again by themselves');
});

test('each P2P setting is shown with its reason', () => {
  const text = renderAgent(row(serving), view).join('\n');
  expect(text).toContain('scheduler.connstate.max_open_conn = 10   because 2 cores, 4000 MiB: small');
  expect(text).toContain('because the link does not say its speed');
});

test('whoever installed itself is told as unverified, with the line that takes it over', () => {
  const [line] = renderEnrolled([{ address: '10.0.2.9', host: 'vm-9', release: 'r1', ageSeconds: 120 }]);
  expect(line).toMatch(
    /10\.0\.2\.9 \(vm-9\) installed itself, release r1, heard 2m.* ago, unverified .*krakenctl agent deploy 10\.0\.2\.9/,
  );
});

test('what it put back is told of one that installed itself', () => {
  const failed = { release: 'r2', epoch: 1 };
  const [line] = renderEnrolled([{ address: '10.0.2.9', release: 'r1', failed, ageSeconds: 120 }]);
  expect(line).toContain('release r1, release r2 did not get ready there, heard 2m');
});

test('pulls are told with what was read back, and a pull around the agent is told as such', () => {
  const lines = renderPulls(
    [
      { vm: 'root@10.0.2.1:22', ok: true, digest: 'sha256:aa', via: 'agent', seconds: 1.5 },
      { vm: 'root@10.0.2.2:22', ok: true, digest: 'sha256:aa', via: 'load-balancer', seconds: 2 },
      { vm: 'root@10.0.2.3:22', ok: false, error: 'no such image', hint: 'push it' },
    ],
    colors,
  );
  expect(lines).toEqual([
    ' ✔ 10.0.2.1: sha256:aa through its agent in 1.5 s',
    ' ✔ 10.0.2.2: sha256:aa through a load balancer, not its agent in 2 s',
    ' ✘ 10.0.2.3: no such image   → push it',
    '2 of 3 VMs have it, read back there, the same digest on all of them',
  ]);
});

const report = (change: Partial<FleetReport>): FleetReport => ({
  fleet: true,
  operation: { id: 'op', verb: 'agents', actor: 'ana@ops-1' },
  name: 'agents-3',
  verb: 'deploy',
  total: 12,
  done: 10,
  changed: 10,
  left: [],
  digest: 'sha256:aa',
  ...change,
});

test('what is left behind makes the command exit 5, with what happens to it next', () => {
  const left: FleetReport['left'] = [
    { vm: 'root@10.0.2.3:22', state: 'parked', code: 'HOST_UNREACHABLE', why: 'no route to host' },
    {
      vm: 'root@10.0.2.4:22',
      state: 'failed',
      code: 'FOREIGN_RESOURCE',
      why: 'port 8080 is held by tomcat',
      hint: 'AGENT_PORT',
    },
  ];
  const told = describeFleet(report({ left }), { colors });
  expect(told.left).toEqual(['10.0.2.3 parked', '10.0.2.4 failed']);
  expect(told.lines).toEqual([
    ' ! 10.0.2.3: parked: no route to host   → is tried again by itself',
    ' ✘ 10.0.2.4: failed: port 8080 is held by tomcat   → AGENT_PORT',
    'Done in part. agents-3: 10 of 12 agents serve, 10 changed · look: krakenctl agent list · again: krakenctl agent deploy --retry-failed agents-3',
  ]);
});

test.each(['deploy', 'upgrade', 'restart', 'remove'] as const)('what to type again is of the same verb: %s', (verb) => {
  const left: FleetReport['left'] = [{ vm: 'root@10.0.2.4:22', state: 'failed', code: 'HOST_FULL', why: 'full' }];
  const told = describeFleet(report({ verb, left }), { colors }).lines.at(-1);
  expect(told).toMatch(new RegExp(`again: krakenctl agent ${verb} --retry-failed agents-3$`));
});

test('VMs that were forgotten are named, and that nothing was done there', () => {
  const told = describeFleet(report({ verb: 'remove', total: 0, done: 0, changed: 0, forgotten: ['10.0.2.4'] }), {
    colors,
  });
  expect(told.lines).toEqual([
    ' i off the record, whatever is on it: 10.0.2.4',
    expect.stringMatching(/^Done\. agents-3/),
  ]);
});

describe('VMs that installed themselves', () => {
  const installed = { there: 1, followed: 2, left: [], away: 0 };
  const counted = ' i 3 of 3 VMs that installed themselves have it, 2 by this';

  test.each(['publish', 'upgrade'] as const)('are counted: %s', (verb) => {
    const told = describeFleet(report({ verb, total: 0, done: 0, changed: 0, installed }), { colors });
    expect(told).toEqual({ lines: [counted, expect.stringMatching(/^Done\. agents-3/)], left: [] });
  });

  test.each(['publish', 'upgrade'] as const)('that are left make the command exit 5: %s', (verb) => {
    const left = [
      { address: '10.0.3.1', state: 'failed' as const, why: 'it did not get ready and has r1 again' },
      { address: '10.0.3.2', state: 'away' as const, why: 'it has not looked for 21 minutes' },
    ];
    const told = describeFleet(report({ verb, installed: { ...installed, left, away: 4 } }), { colors });
    expect(told.left).toEqual(['10.0.3.1 failed', '10.0.3.2 away']);
    expect(told.lines.slice(0, 3)).toEqual([
      ' ✘ 10.0.3.1, which installed itself: failed: it did not get ready and has r1 again   → tried again by the next: krakenctl agent publish',
      ' ! 10.0.3.2, which installed itself: away: it has not looked for 21 minutes   → follows by itself',
      ' i 3 of 5 VMs that installed themselves have it, 2 by this; 4 more had not looked for long and follow by themselves',
    ]);
    expect(told.lines.at(-1)).toMatch(/^Done in part\. agents-3/);
  });

  test('none of which there are need no word', () => {
    const none = { there: 0, followed: 0, left: [], away: 0 };
    expect(describeFleet(report({ verb: 'publish', installed: none }), { colors }).lines).toHaveLength(1);
  });
});

test('a host of the cluster that was left is named, and with it what brings it what it lacks', () => {
  const unseen = [{ host: 'node-3', error: 'no route to host' }];
  const line = ' ! node-3 was left: no route to host   → once it is back: krakenctl agent publish';
  expect(describeFleet(report({ unseen }), { colors }).lines[0]).toBe(line);
  expect(describeFleet(report({ unseen, verb: 'publish' }), { colors })).toMatchObject({
    lines: [line, expect.stringContaining('Done. agents-3')],
    left: [],
  });
});

test('nothing to change is said as such, and a report of a deploy is none of a fleet', () => {
  expect(describeFleet(report({ done: 12, changed: 0 }), { colors })).toEqual({
    lines: ['nothing to change · 12 of 12 agents serve, 0 changed'],
    left: [],
  });
  expect([isFleetReport(report({})), isFleetReport({ name: 'deploy-1' }), isFleetReport(null)]).toEqual([
    true,
    false,
    false,
  ]);
});
