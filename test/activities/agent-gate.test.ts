import { MockActivityEnvironment } from '@temporalio/testing';
import { DefaultLogger } from '@temporalio/worker';
import type { ActivityDependencies } from '../../src/activities/dependencies';
import { gateActivities } from '../../src/activities/gates';
import { putLoneBlob } from '../../src/activities/lone-blob';
import type { HostConnection, HttpRequest } from '../../src/clients/host';
import { canaryAgents } from '../../src/cluster/agents/canary-agent';
import { containerName } from '../../src/cluster/names';
import { nginxText } from '../../src/cluster/render/nginx';
import { exampleSpec } from '../support/cluster';
import { bringAgents } from '../support/memory-fleet';
import { type MemoryHost, MemoryLab } from '../support/memory-hosts';

const spec = exampleSpec();
const gate = { kind: 'agent', host: 'node-1' } as const;
const vms = ['root@10.0.2.1:22', 'root@10.0.2.2:22'];
/** In the order in which they are asked about node-1. */
const [first, second] = canaryAgents(vms, gate.host, []) as [string, string];

/** Three nodes whose parts run, node-1 left out, and two agents. */
async function stage() {
  const lab = new MemoryLab();
  const agents = await bringAgents(lab, spec, vms);
  for (const { id } of spec.nodes) {
    for (const part of ['origin', 'tracker', 'nginx'] as const) {
      const name = containerName(spec.name, id, part);
      lab.machine(id).containers.set(name, { id: name, name, state: 'running' } as never);
    }
    lab.machine(id).nginxRuns = nginxText(spec, { out: [gate.host] });
  }
  let clock = 1_000_000;
  const deps = {
    hostsFor: () => lab,
    now: () => (clock += 4_000),
    agentPatienceMs: 5_000,
  } as unknown as ActivityDependencies;
  const gates = gateActivities(deps);
  const tried = (vm = first, seed = 'a seed') => gates.tryThroughAgent({ spec, gate, vm, seed, timeoutMs: 9_000 });
  const machine = (vm: string) => agents[vms.indexOf(vm)]!;
  const alone = () => spec.nodes.flatMap(({ id }) => [...lab.machine(id).swarm.alone.keys()]);
  return { lab, gates, tried, machine, alone };
}

describe('a node that is tried through an agent', () => {
  test('gives it what it alone has, by the way that load balancers keep for it, and nothing is left', async () => {
    const { tried, machine, alone } = await stage();
    expect(await tried()).toEqual({ vm: first, state: 'came', why: expect.stringMatching(/^\d+\.\ds$/) });
    expect(machine(first).swarm.pulls).toEqual([expect.stringMatching(/^krakenctl-canary\/through-node-1 sha256:/)]);
    expect(alone()).toEqual([]);
  });

  test('is tried by what no agent can have from before', async () => {
    const { tried, machine } = await stage();
    await tried(first, 'one');
    await tried(first, 'another');
    expect(new Set(machine(first).swarm.pulls).size).toBe(2);
  });

  test('is found when its origin answers no peers: the agent gets what another node has', async () => {
    const { lab, tried, alone } = await stage();
    lab.machine('node-1').swarm.isMute = true;
    const { state, why } = await tried();
    expect([state, why]).toEqual([
      'node',
      expect.stringMatching(/node-1 alone has did not come, what node-2 has did: HTTP 500/),
    ]);
    expect(alone()).toEqual([]);
  });

  test('is found when its tracker answers no agent', async () => {
    const { lab, tried } = await stage();
    lab.machine('node-1').part('tracker')!.state = 'exited';
    expect((await tried()).state).toBe('node');
  });

  test('is found although the node that was replaced before it has the same fault', async () => {
    const { lab, tried, alone } = await stage();
    for (const node of ['node-1', 'node-2']) lab.machine(node).swarm.isMute = true;
    const { state, why } = await tried();
    expect([state, why]).toEqual(['node', expect.stringContaining('what node-3 has did: HTTP 500')]);
    expect(alone()).toEqual([]);
  });

  test('is not blamed by an agent that gets nothing from anybody, is not ready, or is off', async () => {
    const { tried, machine } = await stage();
    machine(first).swarm.getsNothing = true;
    const why = /^neither what node-1 has came nor what node-2 has: .*; nor what node-3 has: HTTP 500/;
    expect(await tried()).toMatchObject({ state: 'agent', why: expect.stringMatching(why) });
    machine(first).agentState.running = undefined;
    expect(await tried()).toMatchObject({ state: 'agent', why: expect.stringContaining('it is not ready') });
    machine(first).isOn = false;
    expect(await tried()).toMatchObject({ state: 'agent', why: expect.stringContaining('it is not ready') });
  });

  test('is waited for until the trackers of others send agents there', async () => {
    const { lab, tried, machine } = await stage();
    const other = lab.machine('node-3');
    const { http } = other;
    const pullsAtAnnounces: number[] = [];
    other.http = async (request) => {
      if (!request.path.startsWith('/announce/')) return http.call(other, request);
      pullsAtAnnounces.push(machine(first).swarm.pulls.length);
      if (pullsAtAnnounces.length === 2) return http.call(other, request);
      return { status: 200, headers: {}, body: Buffer.from('{"peers":null}') };
    };
    expect((await tried()).state).toBe('came');
    expect(pullsAtAnnounces).toEqual([0, 0]);
  });

  test('to which no tracker sends anybody fails by the name of its origin', async () => {
    const { lab, tried } = await stage();
    lab.machine('node-3').isOn = false;
    lab.machine('node-2').http = async () => ({ status: 200, headers: {}, body: Buffer.from('{"peers":[]}') });
    const text = 'gate agent: origin of node-1: no agent is sent there by the tracker of node-2';
    await expect(tried()).rejects.toThrow(text);
    lab.machine('node-2').isOn = false;
    await expect(tried()).rejects.toThrow('by the tracker of any other node');
  });

  test('is not blamed for a tracker of another node that is away, or that is not well itself', async () => {
    const { lab, tried } = await stage();
    lab.machine('node-3').http = async () => ({ status: 500, headers: {}, body: Buffer.from('') });
    expect((await tried(first, 'one')).state).toBe('came');
    lab.machine('node-3').isOn = false;
    expect((await tried(first, 'another')).state).toBe('came');
  });

  test('whose origin takes no blob fails', async () => {
    const { lab, tried } = await stage();
    lab.machine('node-1').part('origin')!.state = 'exited';
    await expect(tried()).rejects.toThrow('gate agent: origin of node-1: connect ECONNREFUSED');
  });
});

/** What happens before a host answers such a request, the first one is 1. */
function onRequest(host: MemoryHost, isAsked: (request: HttpRequest) => boolean, act: (nth: number) => unknown): void {
  const { http } = host;
  let asked = 0;
  host.http = async (request) => {
    if (isAsked(request)) await act(++asked);
    return http.call(host, request);
  };
}

describe('an attempt that was given up', () => {
  const attempt = (number: number, activityId = '1') =>
    new MockActivityEnvironment({ attempt: number, activityId }, { logger: new DefaultLogger('ERROR') });
  const isRemoval = ({ method }: HttpRequest) => method === 'DELETE';
  const isPullOf = (name: string) => (request: HttpRequest) => request.path.includes(encodeURIComponent(name));

  // The workflow begins an activity anew whose time ran out while nobody was there.
  test.each([
    ['its next attempt', () => attempt(2)],
    ['the same activity anew', () => attempt(1, '2')],
  ])('and goes on late takes nothing from %s', async (_, next) => {
    const { tried, machine, alone } = await stage();
    let thaw: () => void = () => undefined;
    const thawed = new Promise<void>((resolve) => {
      thaw = resolve;
    });
    let frozen: Promise<unknown> | undefined;
    const asked = new Promise<void>((resolve) => {
      onRequest(machine(first), isPullOf('through-node-1'), async (nth) => {
        resolve();
        if (nth === 1) return thawed;
        // Between what the second has put and what its agent gets.
        thaw();
        return frozen;
      });
    });
    frozen = attempt(1).run(tried);
    await asked;
    expect(await next().run(tried)).toMatchObject({ state: 'came' });
    expect(alone()).toEqual([]);
  });

  test('leaves nothing behind for good, where its worker ended in the middle', async () => {
    const { lab, tried, alone } = await stage();
    lab.machine('node-1').swarm.isMute = true;
    let isEnded = true;
    for (const { id } of spec.nodes)
      onRequest(lab.machine(id), isRemoval, () => isEnded && Promise.reject(new Error('its worker is gone')));
    await attempt(1).run(tried);
    expect(alone()).toHaveLength(2);
    isEnded = false;
    lab.machine('node-1').swarm.isMute = false;
    expect(await attempt(2).run(tried)).toMatchObject({ state: 'came' });
    expect(alone()).toEqual([]);
  });

  test('takes what it had put on another node away', async () => {
    const { lab, tried, machine, alone } = await stage();
    lab.machine('node-1').swarm.isMute = true;
    const given = attempt(1);
    onRequest(machine(first), isPullOf('canary/control'), () => {
      given.cancel();
      throw new Error('cut');
    });
    await expect(given.run(tried)).rejects.toThrow('CANCELLED');
    expect(alone()).toEqual([]);
  });
});

test('what a node alone has is found in a ring of many, which gives it few', async () => {
  const many = exampleSpec((s) => {
    s.nodes = Array.from({ length: 1_000 }, (_, n) => ({
      ...s.nodes[0]!,
      id: `node-${n + 1}`,
      address: `10.1.${n}.1`,
    }));
  });
  let asked = 0;
  const http = async ({ path }: HttpRequest) => {
    asked += path.endsWith('/locations') ? 1 : 0;
    const owner = asked > 2_000 ? '10.1.0.1' : '10.1.9.1';
    return { status: 200, headers: { 'origin-locations': `${owner}:8080`, location: 'id' }, body: Buffer.from('') };
  };
  const node = { host: { id: 'node-1' }, http } as unknown as HostConnection;
  expect(await putLoneBlob(node, many, 'a seed')).toMatchObject({ digest: expect.stringMatching(/^sha256:/) });
});

describe('the agent that is asked', () => {
  test('is the first that is ready and was not asked; after one that came there is a verdict', async () => {
    const { gates, machine } = await stage();
    const next = (...tries: Parameters<typeof gates.nextCanaryAgent>[0]['tries']) =>
      gates.nextCanaryAgent({ spec, gate, tries });
    expect(await next()).toEqual({ vm: first });
    expect(await next({ vm: first, state: 'agent', why: 'EOF' })).toEqual({ vm: second });
    machine(first).isOn = false;
    expect(await next()).toEqual({ vm: second });
    machine(second).agentState.running = undefined;
    expect(await next()).toEqual({
      verdict: { state: 'unknown', told: expect.stringMatching(/^through no agent \(.*10\.0\.2\.1: .*10\.0\.2\.2: /) },
    });
    expect(await next({ vm: first, state: 'came', why: '1s' })).toMatchObject({ verdict: { state: 'passed' } });
  });

  test('is none where no agent is recorded, its list is damaged, or nobody says which there are', async () => {
    const { lab, gates } = await stage();
    for (const { id } of spec.nodes) lab.machine(id).stored.clear();
    const none = async () => gates.nextCanaryAgent({ spec, gate, tries: [] });
    expect(await none()).toEqual({ verdict: { state: 'unknown', told: 'through no agent (none is looked after)' } });
    const contents = Buffer.from('{"agents":');
    lab.machine('node-3').stored.set('/var/lib/krakenctl/cluster/agents.json', { contents, mode: 0o644, changedAt: 0 });
    expect(await none()).toMatchObject({ verdict: { state: 'unknown', told: expect.stringContaining('is not JSON') } });
    lab.machine('node-3').stored.clear();
    lab.machine('node-2').isOn = false;
    expect(await none()).toMatchObject({
      verdict: { state: 'unknown', told: expect.stringContaining('nobody could say') },
    });
  });
});

test('what was left behind by a try that was ended holds no other node up; what anybody else has does', async () => {
  const { lab, gates, alone } = await stage();
  const caughtUp = (host: string) =>
    gates.awaitCaughtUp({ spec, gate: { kind: 'caught-up', host }, sinceMs: 1_000_000, timeoutMs: 8_000 });
  // Ended before it was removed.
  const { http } = lab.machine('node-1');
  lab.machine('node-1').http = async (request) =>
    request.method === 'DELETE' ? Promise.reject(new Error('gone')) : http.call(lab.machine('node-1'), request);
  await gates.tryThroughAgent({ spec, gate, vm: first, seed: 'left', timeoutMs: 9_000 });
  const [digest] = alone();
  const blobs = [digest!.slice('sha256:'.length)];
  lab.machine('node-1').acknowledged = { blobs, tags: [] };
  for (const host of ['node-2', 'node-3']) expect(await caughtUp(host)).toMatchObject({ blobs: 1 });
  lab.machine('node-1').swarm.alone.set(digest!, Buffer.from('an image of somebody'));
  const ends = await Promise.allSettled(['node-2', 'node-3'].map(caughtUp));
  const said = ends.flatMap((end) => (end.status === 'rejected' ? [String(end.reason)] : []));
  expect(said.join()).toContain('lacks what others took in while it was away: blob');
});
