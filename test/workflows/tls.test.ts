import { generateKeyPairSync, X509Certificate } from 'node:crypto';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { ApplicationFailure } from '@temporalio/common';
import { createVault, newAuthority } from '../../src/clients/vault';
import { type ClusterRecord, isSeen } from '../../src/cluster/observed';
import type { TlsStage } from '../../src/cluster/spec';
import { leafCertificate } from '../../src/cluster/tls/certificate';
import { judgeUndo } from '../../src/cluster/undo';
import type { DeployInput, DeployReport, Inspection } from '../../src/contracts/operation';
import type { TlsInspection } from '../../src/contracts/tls';
import { exampleSpec } from '../support/cluster';
import { failureOf } from '../support/failure-of';
import { MemoryLab } from '../support/memory-hosts';
import { asks, misunderstandings, serves } from '../support/memory-tls';
import { type Bench, openBench } from '../support/temporal';

let lab: MemoryLab;
let bench: Bench;
let folder: string;
let laterMs = 0;
/** Called before each activity. */
let beforeActivity: (name: string) => void;

beforeEach(async () => {
  laterMs = 0;
  beforeActivity = () => undefined;
  folder = mkdtempSync(join(tmpdir(), 'krakenctl-tls-'));
  lab = new MemoryLab();
  lab.now = () => Date.now() + laterMs;
  const before = async (name: string) => beforeActivity(name);
  bench = await openBench(lab, { vault: createVault(folder), now: () => Date.now() + laterMs, before });
});
afterEach(async () => {
  await bench.close();
  rmSync(folder, { recursive: true });
});

const day = 86_400_000;
const policy = { batch: 1, approveEachNode: false, approveWithinMs: 1000, bakeMs: 0, rollback: true };
const withTls = (given?: NonNullable<DeployInput['spec']['tls']>['given']) => (input: DeployInput) => {
  input.policy = policy;
  input.spec.tls = { lifetimeSeconds: (90 * day) / 1000, ...(given && { given }) };
};
const withLifetime = (spec: DeployInput['spec']) =>
  void Object.assign(spec, { tls: { lifetimeSeconds: (90 * day) / 1000 } });
const withoutTls = (input: DeployInput) => void Object.assign(input, { policy });
const record = (): ClusterRecord =>
  JSON.parse(lab.machine('node-1').stored.get('/var/lib/krakenctl/cluster/state.json')!.contents.toString());
const stage = (): TlsStage | 'off' => record().spec.tls?.state?.stage ?? 'off';
const certificatesAlone = {
  state: 'refused',
  why: expect.stringContaining('brought other certificates and nothing else'),
};
const nodes = ['node-1', 'node-2', 'node-3'];
const parts = ['origin', 'tracker', 'build-index', 'proxy', 'nginx'];
const languages = () => new Set(nodes.flatMap((n) => parts.map((part) => serves(lab.machine(n), part))));
const keyFiles = () =>
  nodes.flatMap((n) => [...lab.machine(n).stored.keys()].filter((path) => /\.(key|crt|tmpl)$|passphrase$/.test(path)));
const redisSettings = (name: string) =>
  new Set(
    nodes.flatMap((n) =>
      (['redis', 'redis-replica'] as const).map((p) => lab.machine(n).instanceOf(p).settings.get(name)),
    ),
  );

/** Everybody is asked, after each effect, whether somebody would not understand somebody. */
function listening(): { wrong: Set<string>; effects: () => number } {
  const wrong = new Set<string>();
  let effects = 0;
  lab.hook = (moment) => {
    effects += 1;
    if (moment === 'after') for (const text of misunderstandings(lab)) wrong.add(text);
  };
  return { wrong, effects: () => effects };
}

test('a new cluster with TLS speaks nothing else from its first moment on', async () => {
  const { wrong } = listening();
  const report = await bench.deploy(withTls());
  expect(report).toMatchObject({ changed: true, tls: { stages: ['require'], left: [] } });
  expect([...languages()]).toEqual(['tls']);
  expect([...redisSettings('port')]).toEqual(['0']);
  expect(asks(lab.machine('node-2'), 'redis-router')).toBe('tls');
  expect([...wrong]).toEqual([]);
  expect(await bench.deploy(withTls())).toMatchObject({ changed: false });
  const shown = async (): Promise<TlsInspection> =>
    (await bench.begin('inspectTls', { spec: exampleSpec() })).result() as Promise<TlsInspection>;
  const serials = ({ endpoints }: TlsInspection) =>
    endpoints.map(({ shows }) => (typeof shows === 'string' ? shows : shows.serial));
  const before = await shown();
  expect(before).toMatchObject({ stage: 'require', unseen: [] });
  // Six parts and a load balancer with two ports on each node.
  expect(before.endpoints.length).toBe(24);
  for (const { shows, expected } of before.endpoints)
    expect(shows).toMatchObject({ serial: expected, isBelieved: true });
  const rotated = await bench.deploy((input) => {
    withTls()(input);
    input.renew = 'certificates';
  });
  expect(rotated).toMatchObject({ changed: true, tls: { stages: ['require'] } });
  const after = await shown();
  for (const { shows, expected } of after.endpoints)
    expect(shows).toMatchObject({ serial: expected, isBelieved: true });
  expect(serials(after).filter((serial) => serials(before).includes(serial))).toEqual([]);
  expect(judgeUndo(record(), undefined)).toMatchObject(certificatesAlone);
  expect([...wrong]).toEqual([]);
});

test('a running cluster goes to TLS and back, and at no moment anybody asks in a language that is not understood', async () => {
  await bench.deploy(withoutTls);
  const { wrong, effects } = listening();
  const on = await bench.deploy(withTls());
  expect(on).toMatchObject({ changed: true, tls: { stages: ['accept', 'bus', 'speak', 'require'], left: [] } });
  expect(stage()).toBe('require');
  expect([...languages()]).toEqual(['tls']);
  expect([...redisSettings('port')]).toEqual(['0']);
  expect(record().before?.spec.tls).toBeUndefined();
  expect(await bench.deploy(withTls())).toMatchObject({ changed: false });
  const off = await bench.deploy(withoutTls);
  expect(off).toMatchObject({ changed: true, tls: { stages: ['speak', 'bus', 'accept', 'off'], left: [] } });
  expect(stage()).toBe('off');
  expect([...languages()]).toEqual(['plain']);
  expect(keyFiles()).toEqual([]);
  expect([...redisSettings('tls-port')]).toEqual([undefined]);
  expect(await bench.deploy(withoutTls)).toMatchObject({ changed: false });
  expect(effects()).toBeGreaterThan(500);
  expect([...wrong]).toEqual([]);
});

test('what fails on the way goes back by one state, the next deploy goes on from there, and an undo comes back to it', async () => {
  await bench.deploy(withoutTls);
  const { wrong } = listening();
  const listen = lab.hook;
  lab.hook = (moment, effect, host) => {
    // From the stage on at which it asks in TLS, this tracker says something wrong.
    lab.machine('node-2').serves = (part, response) =>
      part === 'tracker' && asks(lab.machine('node-2'), 'tracker') === 'tls'
        ? { ...response, body: Buffer.from('{"wrong":1}') }
        : response;
    return listen(moment, effect, host);
  };
  expect(await failureOf(bench.deploy(withTls()))).toMatchObject({ type: 'ROLLED_BACK' });
  expect(stage()).toBe('bus');
  expect(asks(lab.machine('node-1'), 'origin')).toBe('plain');
  lab.hook = listen;
  for (const host of lab.machines.values()) host.serves = (_, response) => response;
  const on = await bench.deploy(withTls());
  expect(on).toMatchObject({ tls: { stages: ['speak', 'require'] } });
  expect([...languages()]).toEqual(['tls']);
  const { before } = record();
  const undone = await bench.deploy((input) => {
    Object.assign(input, { policy, spec: before!.spec });
    input.operation.verb = 'undo';
    input.undo = { images: before!.images, takesBack: on.generation, operation: on.name };
  });
  expect(undone).toMatchObject({ name: 'undo-1', tls: { stages: ['speak', 'bus'] } });
  expect([...wrong]).toEqual([]);
});

test('what fails between two states leaves the one that is proven and recorded, and the next deploy goes on from there', async () => {
  await bench.deploy(withoutTls);
  let did = 0;
  beforeActivity = (name) => {
    if (stage() !== 'accept' || !['observeHost', 'planDeploy'].includes(name)) return;
    // Off for the look that is planned from, and for nothing else.
    lab.machine('node-2').isOn = name === 'planDeploy';
    did ||= lab.journal.length;
    if (name === 'planDeploy') beforeActivity = () => undefined;
  };
  const failure = await failureOf(bench.deploy(withTls()));
  expect(failure.type).toBe('HOST_UNREACHABLE');
  expect(failure.message).toContain('nothing further was changed');
  expect(stage()).toBe('accept');
  expect(lab.journal.slice(did).filter((line) => !line.endsWith('operations.jsonl'))).toEqual([]);
  expect((await bench.deploy(withTls())).tls).toEqual({ stages: ['bus', 'speak', 'require'], left: [] });
});

test('certificates are made anew when two thirds of their life are over, by a rollout, and not before', async () => {
  await bench.deploy(withTls());
  const first = record().spec.tls!.state!.series;
  laterMs += 59 * day;
  expect(await bench.deploy(withTls())).toMatchObject({ changed: false });
  laterMs += 3 * day;
  const { wrong } = listening();
  const report: DeployReport = await bench.deploy(withTls());
  expect(report).toMatchObject({ changed: true, plan: { rolling: true }, tls: { stages: ['require'] } });
  const second = record().spec.tls!.state!.series;
  expect(second.number).toBe(first.number + 1);
  expect(Date.parse(second.until)).toBeGreaterThan(Date.now() + (62 + 80) * day);
  expect([...wrong]).toEqual([]);
});

describe('certificates that have ended', () => {
  const year = 365 * day;
  /** Nobody has looked after the cluster for a year. */
  const forget = async () => {
    await bench.deploy(withTls());
    laterMs += year;
    expect(misunderstandings(lab).length).toBeGreaterThan(100);
    const { observed } = (await (await bench.begin('inspectCluster', look)).result()) as Inspection;
    expect(observed.hosts.filter(isSeen).flatMap(({ redis }) => redis.map((r) => r.reachable))).not.toContain(true);
  };
  const look = { spec: exampleSpec(withLifetime), origins: {}, probe: true };
  const renewing = (renew: DeployInput['renew']) => (input: DeployInput) => {
    withTls()(input);
    input.renew = renew;
  };

  test.each<[string, DeployInput['renew']]>([
    ['deploy', undefined],
    ['tls rotate', 'certificates'],
    ['tls rotate --ca', 'authority'],
  ])('%s makes others on all hosts at once, and it serves again', async (_, renew) => {
    await forget();
    const before = record().spec.tls!.state!;
    const plan = { rolling: false, ended: before.series.until };
    const report = await bench.deploy(renewing(renew));
    expect(report).toMatchObject({ changed: true, plan, tls: { stages: ['require'], left: [] } });
    expect(report.proof).toBeDefined();
    expect(misunderstandings(lab)).toEqual([]);
    const now = record().spec.tls!.state!;
    expect(now.series.number).toBe(before.series.number + 1);
    expect(now.trusts).toEqual([now.signer]);
    expect(now.signer === before.signer).toBe(renew !== 'authority');
    const shown = (await (await bench.begin('inspectTls', { spec: exampleSpec() })).result()) as TlsInspection;
    for (const { shows, expected } of shown.endpoints)
      expect(shows).toMatchObject({ serial: expected, isBelieved: true });
    expect(await bench.deploy(withTls())).toMatchObject({ changed: false });
  });

  test('ENABLE_TLS=false takes the cluster out of TLS at once, without a state that nobody believes in between', async () => {
    await forget();
    expect(await bench.deploy(withoutTls)).toMatchObject({ changed: true, tls: { stages: ['off'], left: [] } });
    expect([...languages()]).toEqual(['plain']);
    expect(keyFiles()).toEqual([]);
  });

  test('what fails on the way is not taken back to them, and the next deploy goes on', async () => {
    await forget();
    beforeActivity = (name) => {
      if (name === 'proveCluster')
        throw ApplicationFailure.create({ type: 'PROOF_FAILED', message: 'no proof today', nonRetryable: true });
    };
    expect((await failureOf(bench.deploy(withTls()))).type).toBe('PROOF_FAILED');
    const made = lab.journal.filter((line) => line.includes(' create ')).length;
    beforeActivity = () => undefined;
    expect(await bench.deploy(withTls())).toMatchObject({ changed: true });
    expect(lab.journal.filter((line) => line.includes(' create ')).length).toBe(made);
    expect(misunderstandings(lab)).toEqual([]);
  });
});

test('another authority takes over while both are believed, and a rotation that ended half way is gone on with', async () => {
  await bench.deploy(withTls());
  const first = record().spec.tls!.state!;
  const { wrong } = listening();
  const listen = lab.hook;
  const rotate = (input: DeployInput) => {
    withTls()(input);
    input.renew = 'authority';
  };
  // In its second state the new certificates are shown; with one of these this part says something wrong.
  const issuer = () => new X509Certificate(lab.machine('node-2').startedWith.get('tracker')!.get('tls.crt')!).issuer;
  const before = issuer();
  lab.hook = (moment, effect, host) => {
    lab.machine('node-2').serves = (part, response) =>
      part === 'tracker' && issuer() !== before ? { ...response, body: Buffer.from('{"wrong":1}') } : response;
    return listen(moment, effect, host);
  };
  expect(await failureOf(bench.deploy(rotate))).toMatchObject({ type: 'ROLLED_BACK' });
  expect(record().spec.tls!.state).toMatchObject({ signer: first.signer, trusts: [first.signer, expect.any(String)] });
  expect(judgeUndo(record(), undefined)).toMatchObject(certificatesAlone);
  lab.hook = listen;
  for (const host of lab.machines.values()) host.serves = (_, response) => response;
  await bench.deploy(withTls());
  const last = record().spec.tls!.state!;
  expect(last.signer).not.toBe(first.signer);
  expect(last.trusts).toEqual([last.signer]);
  expect(judgeUndo(record(), undefined)).toMatchObject(certificatesAlone);
  expect([...wrong]).toEqual([]);
  expect(await bench.deploy(withTls())).toMatchObject({ changed: false });
});

test('no key is in the history of what was done with it', async () => {
  const handle = await bench.start(withTls());
  await handle.result();
  const { events } = await handle.fetchHistory();
  // Payloads are bytes, shown in base64: read as whoever has the database would.
  const decode = (_: string, payload: string) => Buffer.from(payload, 'base64').toString('utf8');
  const history = JSON.stringify(events).replace(/"data":"([^"]+)"/g, decode);
  expect(history).toContain('state.json');
  const keys = nodes.flatMap((n) =>
    [...lab.machine(n).stored].filter(([path]) => path.endsWith('.key')).map(([, { contents }]) => contents),
  );
  expect(keys.length).toBe(24);
  for (const key of keys) expect(history).not.toContain(key.toString().split('\n')[1]!);
  expect(history).not.toContain('PRIVATE KEY');
});

test("one's own certificate is judged before anything is changed, and used as it is where it is right", async () => {
  const own = newAuthority('own', Date.now());
  const write = (name: string, text: string) => {
    writeFileSync(join(folder, name), text);
    return join(folder, name);
  };
  const make = (name: string, names: string[]) => {
    const { privateKey, publicKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
    const notAfter = new Date(Date.now() + 5 * day);
    const authority = { keyPem: own.key, name: own.kind === 'authority' ? own.name : '' };
    const made = { authority, subject: name, serial: '0102', names, publicKey, notBefore: new Date(0), notAfter };
    const key = privateKey.export({ type: 'pkcs8', format: 'pem' }).toString();
    return { certificate: write(`${name}.crt`, leafCertificate(made)), key: write(`${name}.key`, key) };
  };
  const trusted = write('own-ca.crt', own.certificate);
  const wrong = make('wrong', ['registry.example.com']);
  const right = make('right', ['kraken', 'registry.example.com']);
  const given = { certificate: wrong.certificate, key: right.key, trusted };
  const failure = await failureOf(bench.deploy(withTls(given)));
  expect(failure).toMatchObject({ type: 'TLS_GIVEN' });
  expect(failure.message).toContain(`KEY_PATH ${given.key}: it is not the key of CERT_PATH`);
  expect(failure.message).toContain('its names are DNS:registry.example.com; expected the DNS name kraken');
  expect(lab.journal).toEqual([]);
  await bench.deploy(withTls({ ...given, certificate: right.certificate }));
  expect([...languages()]).toEqual(['tls']);
});
