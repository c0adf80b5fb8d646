import { Client, Connection } from '@temporalio/client';
import type { InstalledLeft } from '../../src/cluster/agents/installed-vms';
import { vmHost } from '../../src/cluster/agents/vm';
import type { LeftVm } from '../../src/contracts/agents';
import { leftBriefly } from '../../src/workflows/left-briefly';
import { CommandLine } from '../support/command-line';
import { quietRuntime } from '../support/temporal';

/** Ten thousand VMs in memory, by the whole way of a command: no answer may be larger than Temporal takes. */
const count = 10_000;
const vms = Array.from({ length: count }, (_, i) => `root@10.2.${i >> 8}.${i & 255}:22`);
const mostBytes = 2_000_000;

test('are listed, each once, in answers that Temporal takes; so are as many that installed themselves', async () => {
  quietRuntime();
  const line = new CommandLine('many');
  try {
    await line.startWorker();
    expect((await line.json('deploy')).ok).toBe(true);
    const record = { format: 1, generation: 1, agents: vms, digest: 'sha256:aa', counts: {}, operation: {} };
    const contents = Buffer.from(JSON.stringify(record));
    for (const machine of line.lab.machines.values())
      machine.stored.set(`/var/lib/krakenctl/${line.cluster}/agents.json`, { contents, mode: 0o644, changedAt: 1 });
    line.lab.enrolled = vms.map((_, i) => ({ address: `10.3.${i >> 8}.${i & 255}`, ageSeconds: i, host: `vm-${i}` }));
    // One of them is off.
    await line.lab.connect(vmHost(vms[77]!));
    line.lab.machine('10.2.0.77').isOn = false;

    const { ok, data } = await line.json('agent list');
    expect(ok).toBe(true);
    expect(data.agents.map((agent: { vm: string }) => agent.vm)).toEqual(vms);
    expect(data.agents.filter((agent: { state: string }) => agent.state === 'unreachable')).toHaveLength(1);
    expect(new Set(data.enrolled.map((vm: { address: string }) => vm.address)).size).toBe(count);

    const sizes = await payloadSizes();
    expect(sizes.length).toBeGreaterThan(50);
    expect(Math.max(...sizes)).toBeLessThan(mostBytes);
  } finally {
    await line.close();
  }
}, 240_000);

test('that are all left behind are told of in one answer, the first hundred with their reasons', () => {
  const words = { why: 'w'.repeat(2000), hint: 'h'.repeat(200) };
  const left: LeftVm[] = [];
  for (const vm of vms)
    left.push(leftBriefly({ vm, state: 'parked', code: 'HOST_UNREACHABLE', ...words }, left.length));
  const installed: InstalledLeft[] = [];
  for (let i = 0; i < count; i += 1) {
    const address = `10.3.${i >> 8}.${i & 255}`;
    installed.push(leftBriefly({ address, state: 'away', why: 'w'.repeat(50) }, installed.length));
  }
  expect(left[99]).toMatchObject({ why: 'w'.repeat(500), hint: words.hint });
  expect(left[100]).toEqual({ vm: vms[100], state: 'parked', code: 'HOST_UNREACHABLE', why: '' });
  expect(Buffer.byteLength(JSON.stringify({ plan: { vms }, left, installed }))).toBeLessThan(mostBytes);
});

/** Of every input and answer that Temporal was given. */
async function payloadSizes(): Promise<number[]> {
  const connection = await Connection.connect({ address: process.env.KRAKENCTL_TEST_TEMPORAL! });
  const client = new Client({ connection, namespace: 'many' });
  const sizes: number[] = [];
  for await (const { workflowId, runId } of client.workflow.list()) {
    const { events } = await client.workflow.getHandle(workflowId, runId).fetchHistory();
    for (const event of events ?? []) {
      for (const attributes of Object.values(event)) sizes.push(...sizesIn(attributes));
    }
  }
  await connection.close();
  return sizes;
}

function sizesIn(attributes: unknown): number[] {
  if (typeof attributes !== 'object' || attributes === null) return [];
  const { input, result } = attributes as Record<string, { payloads?: { data: Uint8Array }[] } | undefined>;
  return [input, result].flatMap((each) => (each?.payloads ?? []).map(({ data }) => data.length));
}
