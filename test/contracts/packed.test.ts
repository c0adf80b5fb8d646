import type { ObservedHost } from '../../src/cluster/observed';
import type { Inspection } from '../../src/contracts/operation';
import { packHost, packInspection, unpackHost, unpackInspection, unpackObserved } from '../../src/contracts/packed';
import { exampleImages, exampleSpec, observedAs } from '../support/cluster';

const spec = (nodes: number) =>
  exampleSpec((s) => {
    s.nodes = Array.from({ length: nodes }, (_, i) => ({
      ...{ id: `node-${i + 1}`, address: `10.0.1.${i + 1}` },
      ssh: { address: `10.0.1.${i + 1}`, port: 22, user: 'root' },
    }));
    s.loadBalancers = s.nodes.map(({ id }) => id);
  });
const observed = (nodes: number) => observedAs(spec(nodes), exampleImages(spec(nodes)));
/** Rendered once. */
const sixty = observed(60);
const sizeOf = (value: unknown) => JSON.stringify(value).length;

test('what is seen of a host of a small cluster crosses as it is, so that a person can read it', async () => {
  for (const host of observed(5).hosts) expect(await packHost(host)).toBe(host);
});

test('of a large one it takes a tenth, names the host and what it runs on, and comes back as it was', async () => {
  const all = sixty;
  const crossed = await Promise.all(all.hosts.map(packHost));
  expect(crossed[7]).toEqual({
    ...{ host: 'node-8', reachable: true, platform: 'linux/amd64' },
    packed: expect.any(String),
  });
  expect(sizeOf(crossed)).toBeLessThan(sizeOf(all.hosts) / 5);
  expect(await unpackObserved({ cluster: all.cluster, hosts: crossed })).toEqual(all);
});

test('a host that could not be seen crosses with its reason, however long', async () => {
  const host: ObservedHost = { host: 'node-1', reachable: false, error: 'e'.repeat(50_000) };
  expect(await packHost(host)).toBe(host);
  expect(await unpackHost(host)).toBe(host);
});

test('a look at all hosts: of few as it is, of many compressed, and the same afterwards', async () => {
  const few: Inspection = { observed: observed(3) };
  expect(await packInspection(few)).toBe(few);
  const many: Inspection = { observed: sixty };
  const crossed = await packInspection(many);
  expect(Object.keys(crossed)).toEqual(['packed']);
  // What hosts have in common crosses once.
  expect(sizeOf(crossed)).toBeLessThan(sizeOf(many) / 15);
  expect(await unpackInspection(crossed)).toEqual(many);
});
