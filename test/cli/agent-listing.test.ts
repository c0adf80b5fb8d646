import { listAgents, lookAtAgents, pullOnVms, readRoster, recordedLogins } from '../../src/cli/agent-listing';
import type { Temporal } from '../../src/cli/connect';
import type { EnrolledVm } from '../../src/cluster/agents/install-source';
import { pageOfEnrolled } from '../../src/cluster/agents/install-source';
import type { ObservedAgent } from '../../src/cluster/agents/observed';
import { type AgentPull, agentsPerPage, enrolledPerPage, type ListedAgent } from '../../src/contracts/agents';
import { workflowTypes } from '../../src/contracts/queues';
import { exampleSpec } from '../support/cluster';

/** What Temporal takes for one answer; some of it is for what is around. */
const mostBytes = 2_000_000 - 50_000;
const spec = exampleSpec();
const bytesOf = (value: unknown) => Buffer.byteLength(JSON.stringify(value));

/** As long as each of its words may be. */
const vm = (n: number) => `${'u'.repeat(32)}@${`vm-${n}.${'d'.repeat(63)}.`.padEnd(200, 'x')}:65535`;
const id = '0123456789abcdef';
const wordy: ObservedAgent = {
  vm: vm(10_000),
  reachable: true,
  ready: false,
  tookMs: 10_000,
  unit: 'deactivating',
  enabled: false,
  cluster: 'c'.repeat(63),
  owner: id.repeat(2),
  current: id,
  complete: false,
  container: {
    release: id,
    state: 'restarting',
    startedAt: '2026-11-23T00:00:00.000000000Z',
    image: 'i'.repeat(400),
    isWanted: false,
  },
  image: false,
  choice: {
    className: 'medium-100m',
    cores: 128,
    memoryMebibytes: 1_000_000,
    linkMbit: 100_000,
    peer: '10.200.200.200',
  },
  nodeOf: 'n'.repeat(63),
  takenPorts: [1, 2, 3].map((port) => ({ port: 65_000 + port, program: 'p'.repeat(15) })),
  missing: ['systemd', 'docker', 'ss', 'ip', 'awk', 'tar', 'sha256sum', 'getent'],
  freeBytes: 1e15,
};
const wordyEnrolled = (n: number): EnrolledVm => ({
  address: `10.${n >> 16}.${(n >> 8) & 255}.${n & 255}`,
  ageSeconds: 1e7,
  host: 'h'.repeat(64),
  release: 'r'.repeat(64),
  proven: 'p'.repeat(64),
  failed: { release: id, epoch: 1e15 },
  leaving: true,
});

describe('an answer is one that Temporal takes, however wordy', () => {
  test('a page of VMs that were looked at', () => {
    const because = Array.from({ length: 6 }, () => 'b'.repeat(100));
    const seen: ListedAgent = {
      vm: vm(1),
      seen: wordy,
      wanted: id,
      plan: { kind: 'work', image: true, release: true, activate: true, because },
    };
    const error = 'e'.repeat(600);
    const silent: ListedAgent = {
      vm: vm(1),
      seen: { vm: vm(1), reachable: false, error },
      wanted: id,
      plan: { kind: 'unreachable', why: error },
    };
    for (const one of [seen, silent]) expect(bytesOf(Array(agentsPerPage).fill(one))).toBeLessThan(mostBytes);
  });

  test('a page of pulls', () => {
    const failed: AgentPull = { vm: vm(1), ok: false, error: 'e'.repeat(600), hint: 'h'.repeat(600) };
    expect(bytesOf(Array(agentsPerPage).fill(failed))).toBeLessThan(mostBytes);
  });

  test('ten thousand names, with a page of the VMs that installed themselves', () => {
    const vms = Array.from({ length: 10_000 }, (_, i) => `operations@vm-${i}.some-site.example.org:2222`);
    const enrolled = Array.from({ length: enrolledPerPage }, (_, i) => wordyEnrolled(i));
    expect(bytesOf({ vms, enrolled })).toBeLessThan(mostBytes);
  });
});

/** A Temporal that answers as the workflows do. */
function open(vms: string[], enrolled: EnrolledVm[] = [], leaving?: string[]) {
  const asked: { type: string; vms?: string[] }[] = [];
  const answer = (type: string, input: { vms?: string[]; after?: string }) => {
    asked.push({ type, vms: input.vms });
    if (type === workflowTypes.agentRoster) {
      const page = pageOfEnrolled(enrolled, { after: input.after, size: enrolledPerPage });
      return { vms, digest: 'sha256:aa', installs: [], unseen: [], ...page, ...(leaving && { leaving }) };
    }
    return type === workflowTypes.listAgents ? { agents: input.vms!.map((name) => ({ vm: name })) } : input.vms;
  };
  const client = {
    workflow: {
      execute: async (type: string, { args }: { args: [{ vms?: string[] }] }) => answer(type, args[0]),
      list: async function* () {},
    },
  };
  return { temporal: { client } as unknown as Temporal, asked };
}

test('VMs that are to lose their agent are listed and told apart; who follows a deploy does not count them', async () => {
  const [one, two] = ['root@10.2.0.1:22', 'ubuntu@10.2.0.2:22'];
  const { temporal } = open([one], [{ address: '10.2.0.2', ageSeconds: 1 }], [two]);
  const { agents, enrolled } = await listAgents(temporal, spec);
  expect(agents).toMatchObject([{ vm: one }, { vm: two, leaving: true }]);
  expect([agents[0]!.leaving, enrolled]).toEqual([undefined, []]);
  expect((await lookAtAgents(temporal, spec)).agents).toMatchObject([{ vm: one }]);
});

test('who looks at a VM by its address alone has the login of the record', async () => {
  const { temporal, asked } = open(['ubuntu@10.2.0.1:2222'], [], ['ops@10.2.0.2:22']);
  const named = (address: string, user?: string) => ({ target: { address, user }, vm: `root@${address}:22` });
  const logins = await recordedLogins(temporal, spec, [named('10.2.0.1'), named('10.2.0.2'), named('10.2.0.3')]);
  expect(logins).toEqual(['ubuntu@10.2.0.1:2222', 'ops@10.2.0.2:22', 'root@10.2.0.3:22']);
  const whole = { target: { address: '10.2.0.1', user: 'root', port: 22 }, vm: 'root@10.2.0.1:22' };
  expect(await recordedLogins(temporal, spec, [whole])).toEqual(['root@10.2.0.1:22']);
  expect(asked).toHaveLength(1);
});

describe('ten thousand VMs', () => {
  const vms = Array.from({ length: 10_000 }, (_, i) => `root@10.2.${i >> 8}.${i & 255}:22`);
  const enrolled = [...Array(2500).keys()].map((i) => ({ address: `10.3.${i >> 8}.${i & 255}`, ageSeconds: i }));

  test('are looked at page by page, each once and in order; so are those that installed themselves', async () => {
    const { temporal, asked } = open(vms, [{ address: '10.2.0.7', ageSeconds: 1 }, ...enrolled]);
    const listing = await lookAtAgents(temporal, spec);
    expect(listing.agents.map((agent) => agent.vm)).toEqual(vms);
    // One that somebody logs in to is none of those.
    expect(listing.enrolled).toEqual(enrolled);
    const pages = asked.filter(({ type }) => type === workflowTypes.listAgents);
    expect(pages).toHaveLength(10_000 / agentsPerPage);
    expect(Math.max(...pages.map((page) => page.vms!.length))).toBe(agentsPerPage);
    expect(asked).toHaveLength(pages.length + 3);
  });

  test('are known by name without a look at any', async () => {
    const { temporal, asked } = open(vms);
    expect((await readRoster(temporal, spec)).vms).toEqual(vms);
    expect(asked).toHaveLength(1);
  });

  test('pull page by page, each once', async () => {
    const { temporal, asked } = open([]);
    expect(await pullOnVms(temporal, spec, { vms: vms.slice(0, 1201), image: 'library/app:1' })).toEqual(
      vms.slice(0, 1201),
    );
    expect(asked.map((page) => page.vms!.length)).toEqual([500, 500, 201]);
  });
});

test('a page of addresses goes on where the one before ended, also when that one is gone since', () => {
  const all = ['10.0.2.2', '10.0.2.10', '10.0.2.30'].map((address) => ({ address, ageSeconds: 1 }));
  expect(pageOfEnrolled(all, { size: 2 })).toEqual({ enrolled: all.slice(0, 2), next: '10.0.2.10' });
  expect(pageOfEnrolled(all, { after: '10.0.2.9', size: 2 })).toEqual({ enrolled: all.slice(1) });
  expect(pageOfEnrolled(all, { after: '10.0.2.30', size: 2 })).toEqual({ enrolled: [] });
  expect(pageOfEnrolled(all, { size: 0 })).toEqual({ enrolled: [] });
});
