import { planAgent } from '../../../src/cluster/agents/agent-plan';
import type { SeenAgent } from '../../../src/cluster/agents/observed';

const bare: SeenAgent = {
  vm: 'root@10.0.2.1:22',
  reachable: true,
  ready: false,
  tookMs: 5,
  unit: 'absent',
  enabled: false,
  complete: false,
  image: false,
  takenPorts: [],
  missing: [],
  freeBytes: 1e11,
};
const container = {
  release: 'r1',
  state: 'running',
  startedAt: '2026-11-23T00:00:00Z',
  image: 'kraken-agent',
  isWanted: true,
};
const whole: SeenAgent = {
  ...bare,
  unit: 'active',
  enabled: true,
  owner: 'us',
  current: 'r1',
  complete: true,
  image: true,
  container,
};
const plan = (is: SeenAgent) => planAgent(is, { id: 'r1' }, 'us');

describe('what a VM needs', () => {
  test.each<[string, SeenAgent, { image: boolean; release: boolean; activate: boolean }]>([
    ['all of it on a bare VM', bare, { image: true, release: true, activate: true }],
    ['nothing when all is as it should be', whole, { image: false, release: false, activate: false }],
    ['the unit was stopped', { ...whole, unit: 'inactive' }, { image: false, release: false, activate: true }],
    [
      'the unit does not start with the VM',
      { ...whole, enabled: false },
      { image: false, release: false, activate: true },
    ],
    [
      'an older release runs',
      { ...whole, container: { ...container, release: 'r0' } },
      { image: false, release: false, activate: true },
    ],
    [
      'the link leads to an older release',
      { ...whole, current: 'r0', complete: false },
      { image: false, release: true, activate: true },
    ],
    [
      'a file of the release was changed by hand',
      { ...whole, complete: false },
      { image: false, release: true, activate: true },
    ],
    [
      'the release runs from the image of another',
      { ...whole, image: false, container: { ...container, image: 'sha256:old', isWanted: false } },
      { image: true, release: false, activate: true },
    ],
    ['the container is gone', { ...whole, container: undefined }, { image: false, release: false, activate: true }],
    [
      'an image that was pruned is not missed while the agent runs from it',
      { ...whole, image: false },
      { image: false, release: false, activate: false },
    ],
  ])('%s', (_, is, expected) => {
    expect(plan(is)).toMatchObject({ kind: 'work', ...expected });
  });

  test('whatever is planned has a reason, and what is not has none', () => {
    for (const is of [bare, { ...whole, unit: 'failed' }, { ...whole, current: 'r0' }]) {
      const made = plan(is);
      expect(made.kind === 'work' && made.because.length).toBeGreaterThan(0);
    }
    expect(plan(whole)).toMatchObject({ because: [] });
  });
});

describe('what forbids an agent, before anything is changed', () => {
  test.each<[string, Partial<SeenAgent>, string, RegExp]>([
    ['a node of a cluster', { nodeOf: 'demo' }, 'FOREIGN_RESOURCE', /node of cluster demo/],
    ['an agent of another krakenctl', { owner: 'them', cluster: 'demo' }, 'FOREIGN_OWNER', /another krakenctl/],
    [
      'a port of ours in other hands',
      { takenPorts: [{ port: 8080, program: 'tomcat' }] },
      'FOREIGN_RESOURCE',
      /8080 is held by tomcat/,
    ],
    ['a program that is missing', { missing: ['docker', 'ss'] }, 'RIGHTS_MISSING', /docker, ss are missing/],
    ['no room for the image', { freeBytes: 100 * 2 ** 20 }, 'HOST_FULL', /100 MiB/],
  ])('%s', (_, change, code, why) => {
    expect(plan({ ...bare, ...change })).toMatchObject({ kind: 'refused', code, why: expect.stringMatching(why) });
  });

  test('a VM that cannot be seen is never refused and never changed', () => {
    const unseen = { vm: bare.vm, reachable: false as const, error: 'no route' };
    expect(planAgent(unseen, { id: 'r1' }, 'us')).toEqual({ kind: 'unreachable', why: 'no route' });
  });
});

describe('its ways to the load balancers, where they speak TLS', () => {
  test.each<[string, SeenAgent, object]>([
    ['run', { ...whole, gateway: 'r1' }, { activate: false, because: [] }],
    ['do not run', whole, { activate: true, because: ['its ways to the load balancers do not run'] }],
    ['are of another release', { ...whole, gateway: 'r0' }, { activate: true }],
  ])('%s', (_, is, expected) => expect(planAgent(is, { id: 'r1', hasWays: true }, 'us')).toMatchObject(expected));
});

describe('its credential, where logins are needed', () => {
  const withLogin = (is: SeenAgent, login?: string) =>
    planAgent(is, { id: 'r1', ...(login && { login, hasWays: true }) }, 'us');
  const gated: SeenAgent = { ...whole, login: 'sum', gateway: 'r1' };

  test.each<[string, SeenAgent, string | undefined, object]>([
    ['is there, and its ways run', gated, 'sum', { activate: false, because: [] }],
    ['is missing', whole, 'sum', { login: true, activate: true }],
    ['is another one', { ...gated, login: 'old' }, 'sum', { login: true, activate: false }],
    ['was written and not read', { ...gated, login: 'unread' }, 'sum', { login: true, activate: false }],
    ['is there, and its ways do not run', { ...gated, gateway: undefined }, 'sum', { activate: true }],
    ['is there, and its ways are of another release', { ...gated, gateway: 'r0' }, 'sum', { activate: true }],
    ['goes where nobody needs one', gated, undefined, { login: true, activate: false }],
  ])('%s', (_what, is, wanted, expected) => {
    const plan = withLogin(is, wanted);
    expect(plan).toMatchObject(expected);
    expect('login' in plan).toBe('login' in expected);
  });
});
