import { wantedMark, withoutCredentials } from '../../../src/cluster/auth/credential-stage';
import { isSeen, type ObservedAuth, type SeenHost } from '../../../src/cluster/observed';
import { exampleImages, exampleSpec, observedAs, planFor } from '../../support/cluster';

const key = '0123456789abcdef';
const spec = exampleSpec((s) => void Object.assign(s, { auth: { key } }));
const images = exampleImages(spec);
const auth = { generation: 3, sum: 'users', key };
const fleet = { generation: 2, sum: 'vms' };

/** A cluster as it should be, each host with these marks. */
function observed(change: (host: SeenHost, i: number) => ObservedAuth | undefined) {
  const all = observedAs(spec, images);
  const seen = all.hosts.filter(isSeen);
  const whole = () => seen.map((host) => Object.assign(host, { auth: { auth, fleet } }));
  const mark = wantedMark(spec, whole())!;
  for (const host of seen) host.auth = { auth, fleet, mark };
  for (const [i, host] of seen.entries()) host.auth = change(host, i) ?? host.auth;
  return all;
}

const plan = (all: ReturnType<typeof observed>, s = spec) => planFor(s, images, all);

describe('who may come in, in a deploy', () => {
  test('is nothing to do where every load balancer knows it', () => {
    expect(plan(observed(() => undefined))).toMatchObject({ empty: true, conflicts: [] });
  });

  test('comes before the load balancer asks for it', () => {
    const all = observed((_, i) => (i === 1 ? { auth, fleet } : undefined));
    const nginx = all.hosts.filter(isSeen)[1]!;
    nginx.files = nginx.files.filter(({ path }) => !path.endsWith('nginx.conf'));
    nginx.nginx = { runningConfig: 'f'.repeat(64) };
    const { stages } = plan(all);
    const kinds = stages.flatMap((stage) => stage.steps.map(({ kind, host }) => `${kind} ${host}`));
    expect(kinds.indexOf('credentials node-2')).toBe(0);
    expect(kinds).toContain('reload node-2');
  });

  test.each([
    ['another secret', { key: 'f'.repeat(16) }],
    ['other users', { auth: { ...auth, generation: 4, sum: 'others' } }],
    ['other agents', { fleet: { ...fleet, generation: 3, sum: 'others' } }],
  ])('is another with %s', (_what, change) => {
    const seen = observed(() => undefined).hosts.filter(isSeen);
    const before = wantedMark(spec, seen)!;
    const { key: secret, ...records } = { key: undefined, ...change };
    for (const host of seen) host.auth = { ...host.auth, ...records };
    const after = wantedMark(secret ? { ...spec, auth: { key: secret } } : spec, seen)!;
    expect(after.sum).not.toBe(before.sum);
  });

  test('goes by the record that operations on logins go by: the newest that was seen', () => {
    const late = { ...auth, generation: 4, sum: 'of one node' };
    const all = observed((host, i) => (i === 0 ? { ...host.auth, auth: late } : undefined));
    expect(wantedMark(spec, all.hosts.filter(isSeen))).toMatchObject({ auth: 4, fleet: 2 });
    expect(withoutCredentials(spec, all.hosts.filter(isSeen))).toEqual(['node-1', 'node-2', 'node-3']);
  });

  test('is not taken for nobody where no two nodes that are seen have the same', () => {
    const all = observed((host, i) => ({
      ...host.auth,
      auth: { ...auth, generation: 3 + i, sum: `users ${i}` },
      fleet: { generation: 2 + i, sum: `vms ${i}` },
    }));
    expect(wantedMark(spec, all.hosts.filter(isSeen).slice(0, 2))).toMatchObject({ auth: 4, fleet: 3 });
  });

  test('is asked of nobody where ENABLE_AUTH is false', () => {
    const off = exampleSpec();
    expect(planFor(off, images, observedAs(off, images)).stages).toEqual([]);
    expect(withoutCredentials(off, observedAs(off, images).hosts.filter(isSeen))).toEqual([]);
  });

  test('sealed with another secret is told before anything is touched', () => {
    const other = { ...auth, key: 'f'.repeat(16) };
    const all = observed((host) => ({ ...host.auth, auth: other }));
    expect(plan(all).conflicts).toMatchObject([{ what: expect.stringContaining('AUTH_SECRET'), notBuilt: true }]);
  });
});
