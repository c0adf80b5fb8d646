import type { PreflightReport } from '../../src/contracts/activities';
import { exampleSpec } from '../support/cluster';
import { MemoryLab } from '../support/memory-hosts';
import { type Bench, openBench } from '../support/temporal';

let lab: MemoryLab;
let bench: Bench;
const spec = exampleSpec();

beforeEach(async () => {
  lab = new MemoryLab();
  bench = await openBench(lab);
  // Hosts come to be when they are asked for the first time.
  for (const node of spec.nodes) await lab.connect(node);
});
afterEach(() => bench.close());

async function check(listen = true): Promise<PreflightReport> {
  return (await bench.begin('preflightCluster', { spec, listen })).result() as Promise<PreflightReport>;
}

const found = ({ findings }: PreflightReport) => findings.map((f) => `${f.host} ${f.code}`);

test('bare hosts pass, and nothing was done to them', async () => {
  expect(await check()).toMatchObject({ findings: [], seen: ['node-1', 'node-2', 'node-3'] });
  expect(lab.journal).toEqual([]);
});

test('a host that is off does not hide what is wrong with the others', async () => {
  lab.machine('node-3').isOn = false;
  lab.machine('node-1').machine.listeners.push({ port: 8080, pid: 7, program: 'java' });
  expect(found(await check())).toEqual(['node-3 HOST_UNREACHABLE', 'node-1 PORT_TAKEN']);
});

test('a way that a firewall cuts is found from the side that is cut', async () => {
  lab.machine('node-1').cutFrom.add('node-2');
  const { findings } = await check();
  expect(findings.map((f) => [f.code, f.host])).toEqual([['PORT_BLOCKED', 'node-1']]);
  expect(findings[0]!.what).toContain('at node-2');
});

test('a cluster that runs passes too, and no port of it is listened on', async () => {
  await bench.deploy();
  const { findings } = await check();
  expect(findings).toEqual([]);
});

test('mending sets one setting at a time, and the second time changes nothing', async () => {
  lab.machine('node-2').machine.settings['net.core.somaxconn'] = '128';
  const mends = (await check()).findings.map((f) => ({ host: f.host, mend: f.apply }));
  expect(mends).toEqual([{ host: 'node-2', mend: { setting: 'net.core.somaxconn', value: '4096' } }]);
  const apply = async () => (await bench.begin('mendHosts', { spec, mends })).result();
  expect(await apply()).toEqual({ changed: 1 });
  expect(await apply()).toEqual({ changed: 0 });
  expect(lab.journal).toEqual(['node-2 set net.core.somaxconn']);
});

test('a mend that is none of ours is refused', async () => {
  const mends = [{ host: 'node-1', mend: { setting: 'kernel.core_pattern', value: '|/bin/sh' } }];
  await expect((await bench.begin('mendHosts', { spec, mends })).result()).rejects.toThrow();
  expect(lab.journal).toEqual([]);
});
