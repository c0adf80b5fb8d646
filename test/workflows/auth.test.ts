import { createHash, randomUUID } from 'node:crypto';
import { FencedOffError } from '../../src/clients/errors';
import { authKeys } from '../../src/cluster/auth/keys';
import { type AuthChange, sealContents } from '../../src/cluster/auth/record';
import type { ClusterSpec } from '../../src/cluster/spec';
import type { FleetInput, FleetReport } from '../../src/contracts/agents';
import type { AuthInput, AuthReport, AuthView } from '../../src/contracts/auth';
import { exampleSpec } from '../support/cluster';
import { failureOf } from '../support/failure-of';
import { MemoryLab } from '../support/memory-hosts';
import { type Bench, benchSecret, openBench } from '../support/temporal';

let lab: MemoryLab;
let bench: Bench;
beforeEach(async () => {
  lab = new MemoryLab();
  bench = await openBench(lab);
});
afterEach(() => bench.close());

const keys = authKeys(benchSecret, 'cluster');
const nodes = ['node-1', 'node-2', 'node-3'];
const policy = { batch: 1, approveEachNode: false, approveWithinMs: 1000, bakeMs: 0, rollback: true };
const asking = (change: (spec: ClusterSpec) => void = () => undefined) =>
  exampleSpec((spec) => {
    spec.auth = { key: keys.fingerprint };
    change(spec);
  });
const user = (name: string, role: 'pull' | 'push' = 'pull') => ({ name, role, hash: `$6$salt$${name}`, since: '2026' });

function authInput(change: AuthChange, spec = asking()): AuthInput {
  const operation = { id: `20261123-000000-auth-${randomUUID().slice(0, 4)}`, verb: 'auth', actor: 'ana@ops-1' };
  return {
    operation,
    spec,
    owner: { temporal: '127.0.0.1:7233', namespace: 'default' },
    key: keys.fingerprint,
    change: keys.seal(JSON.stringify(change), operation.id),
    summary: 'a change',
  };
}

const start = (change: AuthChange, spec?: ClusterSpec) => bench.begin('operateAuth', authInput(change, spec));
const operate = async (change: AuthChange, spec?: ClusterSpec) =>
  (await (await start(change, spec)).result()) as AuthReport;
const look = async () =>
  (await (await bench.begin('inspectAuth', { spec: asking(), key: keys.fingerprint })).result()) as AuthView;
const deployAsking = () => bench.deploy((input) => void Object.assign(input, { spec: asking() }));
const files = (node: string) => lab.machine(node).credentialState.files;
const statusOf = async (node: string, login?: string) => {
  const headers = login ? { authorization: `Basic ${Buffer.from(login).toString('base64')}` } : undefined;
  return (await lab.machine(node).http({ port: 5000, path: '/v2/', headers })).status;
};

describe('ENABLE_AUTH', () => {
  test('a deploy brings who may come in before the load balancers ask, and proves it with a login of its own', async () => {
    await bench.deploy();
    expect(await statusOf('node-1')).toBe(200);
    const report = await deployAsking();
    expect(report).toMatchObject({ changed: true, proof: { pushedThrough: 'node-1' } });
    const done = lab.journal.filter((line) => line.startsWith('node-1 '));
    const last = (what: string) => done.findLastIndex((line) => line.includes(what));
    expect(last('credentials')).toBeGreaterThan(0);
    expect(last('credentials')).toBeLessThan(last('hangUp'));
    expect(await statusOf('node-1')).toBe(401);
    expect(await statusOf('node-1', `krakenctl.${keys.fingerprint.slice(0, 6)}:${keys.password('krakenctl')}`)).toBe(
      200,
    );
    expect(await deployAsking()).toMatchObject({ changed: false });
  });

  test('false again asks nobody any more', async () => {
    await deployAsking();
    await bench.deploy();
    expect(await statusOf('node-2')).toBe(200);
  });

  /** From its next version on the tracker of a node says something else than it should. */
  function failsOn(node: string): void {
    const machine = lab.machine(node);
    machine.serves = (part, response) =>
      part === 'tracker' && machine.part(part)?.image.endsWith('v0.1.28')
        ? { ...response, body: Buffer.from('{"wrong":1}') }
        : response;
  }

  test('false again in a deploy that fails: logins are needed as before, and let in as before', async () => {
    await deployAsking();
    failsOn('node-2');
    const failed = bench.deploy((input) => {
      input.spec.images.version = 'v0.1.28';
      input.policy = policy;
    });
    expect(await failureOf(failed)).toMatchObject({ type: 'ROLLED_BACK' });
    const login = `krakenctl.${keys.fingerprint.slice(0, 6)}:${keys.password('krakenctl')}`;
    for (const node of nodes) expect([await statusOf(node), await statusOf(node, login)]).toEqual([401, 200]);
    expect(await deployAsking()).toMatchObject({ changed: false });
  });

  /** A user is added who lies on the nodes and on no load balancer yet; @returns what brings the record so far. */
  async function addHalfWay(): Promise<() => void> {
    await operate({ kind: 'add', user: user('eva') });
    const path = '/var/lib/krakenctl/cluster/auth.json';
    const machines = nodes.map((node) => lab.machine(node));
    const before = machines.map(({ stored, credentialState }) => ({
      record: stored.get(path)!,
      credentials: { ...credentialState },
    }));
    await operate({ kind: 'add', user: user('later') });
    const records = machines.map(({ stored }) => stored.get(path)!);
    for (const [i, { record, credentials }] of before.entries()) {
      machines[i]!.stored.set(path, record);
      Object.assign(machines[i]!.credentialState, credentials);
    }
    return () => records.forEach((record, i) => void machines[i]!.stored.set(path, record));
  }

  test.each<[string, { at: string; fails?: boolean; loses?: boolean; brings: boolean }]>([
    ['is no reason to fail', { at: 'v0.1.28', brings: false }],
    ['is no reason to leave Redis masters where they went', { at: 'v0.1.28', loses: true, brings: true }],
    ['is no reason for the way back to fail', { at: 'v0.1.27', fails: true, brings: false }],
  ])('a user who is added while a deploy runs %s', async (_, { at, fails, loses, brings }) => {
    await deployAsking();
    const comes = await addHalfWay();
    if (fails) failsOn('node-3');
    const replica = lab.machine('node-1').redis(6380);
    let came = 0;
    lab.hook = async (moment, effect) => {
      const image = lab.machine('node-3').part('proxy')?.image;
      if (moment !== 'after' || effect !== 'create kraken-cluster-node-3-proxy' || !image?.endsWith(at)) return;
      came += 1;
      comes();
      if (loses) await replica.failover();
    };
    const run = bench.deploy((input) => {
      input.spec = asking((s) => void Object.assign(s.images, { version: 'v0.1.28' }));
      input.policy = policy;
    });
    if (fails) expect(await failureOf(run)).toMatchObject({ type: 'ROLLED_BACK' });
    else expect(await run).toMatchObject({ changed: true });
    expect(came).toBe(1);
    for (const node of nodes) expect(files(node)!.pull.includes('later')).toBe(brings);
    if (loses) expect((await replica.replication()).role).toBe('slave');
  });

  test('hashes that are lost on a load balancer are brought back by the next deploy, and nothing else', async () => {
    await deployAsking();
    const before = lab.journal.length;
    Object.assign(lab.machine('node-2').credentialState, { mark: undefined, files: undefined });
    await deployAsking();
    const did = lab.journal.slice(before).filter((line) => !line.includes('/var/lib/krakenctl/'));
    expect(did).toEqual(['node-2 credentials']);
  });

  test('a worker without the secret changes nothing, and says where it belongs', async () => {
    await bench.deploy();
    await bench.close();
    bench = await openBench(lab, { authSecrets: [] });
    const before = lab.journal.length;
    expect(await failureOf(deployAsking())).toMatchObject({ type: 'SECRET_MISSING' });
    expect(lab.journal.length).toBe(before);
  });

  test('another secret than the one of the cluster is refused before anything is changed', async () => {
    await deployAsking();
    await bench.close();
    bench = await openBench(lab, { authSecrets: ['another-of-our-own', benchSecret] });
    const before = lab.journal.length;
    const auth = { key: authKeys('another-of-our-own', 'cluster').fingerprint };
    const failure = await failureOf(
      bench.deploy((input) => void Object.assign(input, { spec: { ...asking(), auth } })),
    );
    expect(failure).toMatchObject({ type: 'CHANGE_NOT_BUILT', message: expect.stringContaining('AUTH_SECRET') });
    expect(lab.journal.length).toBe(before);
  });
});

describe('users', () => {
  test('are known to every load balancer when the operation ends, by their role', async () => {
    const report = await operate({ kind: 'add', user: user('ci', 'push') });
    expect(report).toMatchObject({ changed: true, generation: 1, left: [], balancers: ['node-1', 'node-2', 'node-3'] });
    await operate({ kind: 'add', user: user('eva') });
    for (const node of ['node-1', 'node-2', 'node-3']) {
      expect(files(node)!.pull).toContain('ci:$6$salt$ci\neva:$6$salt$eva\n');
      expect(files(node)!.push).toContain('ci:$6$');
      expect(files(node)!.push).not.toContain('eva');
    }
    expect(await look()).toMatchObject({ generation: 2, users: [{ name: 'ci', role: 'push' }, { name: 'eva' }] });
  });

  test('that are removed are out at once, without a reload', async () => {
    await operate({ kind: 'add', user: user('eva') });
    const before = lab.journal.length;
    await operate({ kind: 'remove', name: 'eva' });
    for (const node of ['node-1', 'node-2', 'node-3']) expect(files(node)!.pull).not.toContain('eva');
    expect(lab.journal.slice(before).filter((line) => line.includes('hangUp'))).toEqual([]);
  });

  test('lie on the nodes under a seal, for root alone, and in no history', async () => {
    const handle = await start({ kind: 'add', user: user('eva') });
    await handle.result();
    const stored = lab.machine('node-3').stored.get('/var/lib/krakenctl/cluster/auth.json')!;
    expect(stored.mode).toBe(0o600);
    expect(stored.contents.toString()).not.toContain('eva');
    const texts = [...JSON.stringify((await handle.fetchHistory()).events).matchAll(/"data":"([^"]+)"/g)].map(
      ([, data]) => Buffer.from(data!, 'base64').toString(),
    );
    const isIn = (text: string) => texts.some((payload) => payload.includes(text));
    expect([isIn('hashes of logins'), isIn('$6$salt'), isIn('"eva"'), isIn(benchSecret)]).toEqual([
      true,
      false,
      false,
      false,
    ]);
  });

  test('are changed while a load balancer is away, which is named', async () => {
    await deployAsking();
    await operate({ kind: 'add', user: user('eva') });
    expect(await deployAsking()).toMatchObject({ changed: false });
    lab.machine('node-2').isOn = false;
    const report = await operate({ kind: 'remove', name: 'eva' });
    expect(report).toMatchObject({ balancers: ['node-1', 'node-3'], left: [{ host: 'node-2' }] });
    lab.machine('node-2').isOn = true;
    expect(files('node-2')!.pull).toContain('eva');
    await deployAsking();
    expect(files('node-2')!.pull).not.toContain('eva');
  });

  test('are not changed where most nodes are away', async () => {
    await operate({ kind: 'add', user: user('ci') });
    for (const node of ['node-2', 'node-3']) lab.machine(node).isOn = false;
    const before = lab.journal.length;
    expect(await failureOf(operate({ kind: 'add', user: user('eva') }))).toMatchObject({ type: 'HOST_UNREACHABLE' });
    expect(lab.journal.length).toBe(before);
  });

  test('that several change at once are all as each has left them', async () => {
    await operate({ kind: 'add', user: user('eva') });
    const names = ['a', 'b', 'c', 'd'];
    const changes: AuthChange[] = [
      ...names.map((name): AuthChange => ({ kind: 'add', user: user(name) })),
      { kind: 'remove', name: 'eva' },
    ];
    await Promise.all(changes.map((change) => operate(change)));
    expect((await look()).users.map(({ name }) => name)).toEqual(names);
    for (const node of ['node-1', 'node-2', 'node-3']) {
      const known = files(node)!.pull.match(/^[a-z]+:\$6\$/gm);
      expect(known).toEqual(names.map((name) => `${name}:$6$`));
    }
  });

  const names = async () => (await look()).users.map(({ name }) => name);
  const record = '/var/lib/krakenctl/cluster/auth.json';
  const stored = (n: number) => lab.machine(`node-${n}`).stored.get(record)?.contents.toString() ?? '';
  const store = (n: number, generation: number, who: string[]) => {
    const contents = { users: who.map((name) => user(name)), vms: {}, tokens: [] };
    const text = JSON.stringify(sealContents(keys, { cluster: 'cluster', generation }, contents));
    lab.machine(`node-${n}`).stored.set(record, { contents: Buffer.from(`${text}\n`), mode: 0o600, changedAt: 0 });
  };
  const isOn = (n: number, on: boolean) => void Object.assign(lab.machine(`node-${n}`), { isOn: on });

  test('are not forgotten where a node that was away is back and another one is away', async () => {
    await operate({ kind: 'add', user: user('ana') });
    isOn(3, false);
    await operate({ kind: 'add', user: user('ci', 'push') });
    isOn(3, true);
    isOn(1, false);
    expect(await names()).toEqual(['ana', 'ci']);
    expect(await operate({ kind: 'add', user: user('eva') })).toMatchObject({ changed: true, generation: 3 });
    isOn(1, true);
    expect(await names()).toEqual(['ana', 'ci', 'eva']);
    expect(files('node-2')!.pull).toMatch(/ana:.*\nci:.*\neva:/);
  });

  test('come onto a node that was away with the next operation, also where nothing is to be changed', async () => {
    await operate({ kind: 'add', user: user('ana') });
    isOn(3, false);
    await operate({ kind: 'add', user: user('eva') });
    isOn(3, true);
    expect(await operate({ kind: 'add', user: user('eva') })).toMatchObject({
      changed: false,
      generation: 2,
      left: [],
    });
    expect(stored(3)).toBe(stored(1));
  });

  test('that an operation which was cut has left on one node are brought to the others, and the change comes upon it', async () => {
    await operate({ kind: 'add', user: user('ana') });
    store(1, 2, ['ana', 'ci']);
    await operate({ kind: 'add', user: user('eva') });
    expect(await names()).toEqual(['ana', 'ci', 'eva']);
    expect(stored(1)).toBe(stored(3));
  });

  test('of two records with one number are not guessed, and all go by one when every node is there', async () => {
    await operate({ kind: 'add', user: user('ana') });
    store(1, 2, ['ana', 'ci']);
    store(2, 2, ['ana', 'eva']);
    store(3, 2, ['ana', 'eva']);
    isOn(3, false);
    expect(await failureOf(operate({ kind: 'add', user: user('tom') }))).toMatchObject({
      type: 'HOST_UNREACHABLE',
      message: expect.stringContaining('node-3'),
    });
    isOn(3, true);
    expect(await operate({ kind: 'add', user: user('eva') })).toMatchObject({ changed: false, generation: 3 });
    expect(await names()).toEqual(['ana', 'eva']);
    expect(stored(1)).toBe(stored(2));
  });

  test('are removed by an operation that another came between', async () => {
    await operate({ kind: 'add', user: user('eva') });
    const cut = new Set<string>();
    lab.hook = (moment, effect, host) => {
      if (moment !== 'before' || !effect.includes(record) || host === 'node-1' || cut.has(host)) return;
      cut.add(host);
      throw new FencedOffError('another operation holds the host', host, 1);
    };
    expect(await operate({ kind: 'remove', name: 'eva' })).toMatchObject({ changed: true });
    expect(await names()).toEqual([]);
  });

  test('that are there already are not given to somebody else', async () => {
    await operate({ kind: 'add', user: user('ci', 'push') });
    expect(await failureOf(operate({ kind: 'add', user: user('ci') }))).toMatchObject({ type: 'AUTH_REFUSED' });
  });
});

describe('agents', () => {
  const vm = (n: number) => `root@10.0.2.${n}:22`;
  const fleet = async (change: Partial<FleetInput> = {}) => {
    const input: FleetInput = {
      operation: { id: `20261123-000000-agents-${randomUUID().slice(0, 4)}`, verb: 'agents', actor: 'ana@ops-1' },
      verb: 'deploy',
      spec: asking((spec) => void Object.assign(spec, { name: cluster })),
      owner: { temporal: '127.0.0.1:7233', namespace: 'default' },
      vms: [vm(1), vm(2)],
      policy: { concurrency: 4, maxFailures: '0', canary: 1, batch: '100%' },
      ...change,
    };
    return (await (await bench.begin('operateFleet', input)).result()) as FleetReport;
  };
  /** Workflow ids of VMs carry the cluster's name, and all tests share one server. */
  let cluster: string;
  let own: ReturnType<typeof authKeys>;
  beforeEach(async () => {
    cluster = `c${randomUUID().slice(0, 8)}`;
    own = authKeys(benchSecret, cluster);
  });
  const spec = () => asking((s) => void Object.assign(s, { name: cluster, auth: { key: own.fingerprint } }));
  const deployOwn = (s = spec()) => bench.deploy((input) => void Object.assign(input, { spec: s }));
  const loginOf = (n: number) => /Basic ([^"]+)"/.exec(lab.machine(`10.0.2.${n}`).agentState.login ?? '')?.[1];
  const passes = async (_vm: number, login = loginOf(_vm)) => {
    const headers = { authorization: `Basic ${login}` };
    return (await lab.machine('node-1').http({ port: 5003, path: '/tags/x', headers })).status !== 401;
  };
  const revoke = async (n: number) => {
    const input = authInput({ kind: 'revoke', vm: `10.0.2.${n}` }, spec());
    const change = own.seal(JSON.stringify({ kind: 'revoke', vm: `10.0.2.${n}` }), input.operation.id);
    return (await bench.begin('operateAuth', { ...input, key: own.fingerprint, change })).result();
  };

  const keysOf = (secret: string) => authKeys(secret, cluster);
  const specOf = (secret: string) => ({ ...spec(), auth: { key: keysOf(secret).fingerprint } });
  const changeBy = async (secret: string, wanted: AuthChange) => {
    const input = { ...authInput(wanted, specOf(secret)), key: keysOf(secret).fingerprint };
    const change = keysOf(secret).seal(JSON.stringify(wanted), input.operation.id);
    return (await (await bench.begin('operateAuth', { ...input, change })).result()) as AuthReport;
  };

  test('have their credentials before the load balancers ask, and each its own', async () => {
    await deployOwn(exampleSpec((s) => void Object.assign(s, { name: cluster })));
    expect(await fleet({ spec: spec() })).toMatchObject({ done: 2, left: [] });
    expect(loginOf(1)).toBeDefined();
    expect(loginOf(1)).not.toBe(loginOf(2));
    const firstOn = (host: string, what: string) => lab.journal.findIndex((line) => line.startsWith(`${host} ${what}`));
    for (const node of ['node-1', 'node-2', 'node-3'])
      expect(firstOn(node, 'credentials')).toBeLessThan(firstOn('10.0.2.1', 'login given'));
    expect(firstOn('10.0.2.1', 'login given')).toBeLessThan(firstOn('10.0.2.1', 'activate'));
    await deployOwn();
    expect([await passes(1), await passes(2), await passes(1, 'eDp5')]).toEqual([true, true, false]);
    expect(await fleet({ spec: spec(), verb: 'upgrade', vms: [] })).toMatchObject({ done: 2, changed: 0 });
  });

  test('that are revoked are refused at once, left out by an upgrade, and let in by name with another credential', async () => {
    await deployOwn();
    await fleet({ spec: spec() });
    const before = loginOf(1)!;
    expect(await failureOf(revoke(99))).toMatchObject({ type: 'AUTH_REFUSED' });
    expect(await revoke(1)).toMatchObject({ changed: true, balancers: ['node-1', 'node-2', 'node-3'] });
    expect([await passes(1), await passes(2)]).toEqual([false, true]);
    expect(await fleet({ spec: spec(), verb: 'upgrade', vms: [] })).toMatchObject({ total: 1, done: 1 });
    expect(await fleet({ spec: spec(), vms: [vm(1)] })).toMatchObject({ done: 1, changed: 1 });
    expect([await passes(1), await passes(1, before)]).toEqual([true, false]);
    expect(await deployOwn()).toMatchObject({ changed: false });
  });

  test('lose their credentials after nobody asks any more', async () => {
    await deployOwn();
    await fleet({ spec: spec() });
    const plain = exampleSpec((s) => void Object.assign(s, { name: cluster }));
    await deployOwn(plain);
    expect(await fleet({ spec: plain, verb: 'upgrade', vms: [] })).toMatchObject({ done: 2, changed: 2 });
    expect([loginOf(1), loginOf(2)]).toEqual([undefined, undefined]);
  });

  test('go from one secret to another: both let in until the former is taken away, and no deploy comes before that', async () => {
    await bench.close();
    bench = await openBench(lab, { authSecrets: ['another-of-our-own', benchSecret] });
    const next = authKeys('another-of-our-own', cluster);
    const rotated = asking((s) => void Object.assign(s, { name: cluster, auth: { key: next.fingerprint } }));
    await deployOwn();
    await fleet({ spec: spec() });
    const before = loginOf(1)!;
    expect(await failureOf(deployOwn(rotated))).toMatchObject({ message: expect.stringContaining('auth rotate') });
    const change = (wanted: AuthChange) => changeBy('another-of-our-own', wanted);
    expect(await change({ kind: 'rotate', former: own.fingerprint })).toMatchObject({ changed: true, left: [] });
    expect(await change({ kind: 'rotate', former: own.fingerprint })).toMatchObject({ changed: false });
    expect(await passes(1)).toBe(true);
    expect(await fleet({ spec: rotated, verb: 'upgrade', vms: [] })).toMatchObject({ done: 2, changed: 2 });
    expect(loginOf(1)).not.toBe(before);
    expect([await passes(1), await passes(1, before)]).toEqual([true, true]);
    expect(await deployOwn(rotated)).toMatchObject({ changed: true });
    await change({ kind: 'rotated' });
    expect([await passes(1), await passes(2), await passes(1, before)]).toEqual([true, true, false]);
    expect(await deployOwn(rotated)).toMatchObject({ changed: false });
    expect(await failureOf(deployOwn())).toMatchObject({
      message: expect.stringContaining('AUTH_SECRET is another one'),
    });
  });

  test('are not shut out by another secret where nobody was named yet: nothing is made from that', async () => {
    await bench.close();
    bench = await openBench(lab, { authSecrets: ['another-of-our-own', benchSecret] });
    await deployOwn();
    await fleet({ spec: spec() });
    const other = { type: 'AUTH_REFUSED', message: expect.stringContaining(own.fingerprint) };
    const before = lab.journal.length;
    expect(await failureOf(changeBy('another-of-our-own', { kind: 'add', user: user('eva') }))).toMatchObject(other);
    expect(await failureOf(changeBy('another-of-our-own', { kind: 'rotate', former: 'f'.repeat(16) }))).toMatchObject(
      other,
    );
    const upgrade = { spec: specOf('another-of-our-own'), verb: 'upgrade' as const, vms: [] };
    expect(await failureOf(fleet(upgrade))).toMatchObject(other);
    expect(lab.journal.slice(before).filter((line) => / credentials|auth\.json|login given/.test(line))).toEqual([]);
    expect(await passes(1)).toBe(true);
  });

  test('are not cut off by a second rotation inside a first: that is refused until the first has ended', async () => {
    await bench.close();
    bench = await openBench(lab, { authSecrets: ['the-third-of-ours', 'another-of-our-own', benchSecret] });
    await deployOwn();
    await fleet({ spec: spec() });
    await changeBy('another-of-our-own', { kind: 'rotate', former: own.fingerprint });
    await fleet({ spec: specOf('another-of-our-own'), verb: 'upgrade', vms: [] });
    for (const former of [own.fingerprint, keysOf('another-of-our-own').fingerprint])
      expect(await failureOf(changeBy('the-third-of-ours', { kind: 'rotate', former }))).toMatchObject({
        type: 'AUTH_REFUSED',
        message: expect.stringContaining(keysOf('another-of-our-own').fingerprint),
      });
    expect([await passes(1), await passes(2)]).toEqual([true, true]);
    await changeBy('another-of-our-own', { kind: 'rotated' });
    expect(await passes(1)).toBe(true);
  });

  test('that nobody logs in to enrol with a token, as many as it lets in; who was let in stays when it goes', async () => {
    await deployOwn();
    const untilMs = Date.now() + 600_000;
    const token = { id: 't0a1b2c3d', hash: '{SSHA}x', until: untilMs / 1000, uses: 1, used: [] };
    const add: AuthChange = { kind: 'token', token };
    const input = { ...authInput(add, spec()), key: own.fingerprint, token: { id: token.id, untilMs } };
    const change = own.seal(JSON.stringify(add), input.operation.id);
    await (await bench.begin('operateAuth', { ...input, change })).result();
    for (const node of ['node-1', 'node-3']) expect(files(node)!.enrol).toContain('enrol-t0a1b2c3d-');
    const applies = (n: number) => {
      const sum = createHash('sha1').update(`mine${n}0123456789abcdef`).digest('hex');
      return { address: `10.0.2.${n}`, sum, salt: '0123456789abcdef' };
    };
    lab.applicants.set(token.id, [applies(7)]);
    const keeper = bench.environment.client.workflow.getHandle(`kraken-${cluster}-token-${token.id}`);
    expect(await keeper.result()).toEqual({ token: token.id, vms: ['10.0.2.7'] });
    lab.applicants.set(token.id, [applies(7), applies(8)]);
    const login = (n: number) => Buffer.from(`vm-10.0.2.${n}.own:mine${n}`).toString('base64');
    expect([await passes(7, login(7)), await passes(8, login(8))]).toEqual([true, false]);
    expect(files('node-2')!.enrol).not.toContain('enrol-');
    expect(await deployOwn()).toMatchObject({ changed: false });
    lab.enrolled = [
      { address: '10.0.2.7', ageSeconds: 5 },
      { address: '10.0.2.9', ageSeconds: 5 },
    ];
    await revoke(7);
    expect(await passes(7, login(7))).toBe(false);
  });
});
