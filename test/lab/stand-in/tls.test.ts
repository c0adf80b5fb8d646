import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { request } from 'node:http';
import { request as requestInTls } from 'node:https';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { bothLanguages } from '../../../src/cluster/render/inner-nginx';
import type { TlsState } from '../../../src/cluster/spec';
import { identityOf, trustedBy } from '../../../src/cluster/tls/material';
import { Settings, type Tree } from '../../../src/lab/stand-in/configuration';
import { fetchText } from '../../../src/lab/stand-in/http-client';
import { type Door, openDoor, speakTls } from '../../../src/lab/stand-in/tls';
import { testAuthority } from '../../support/authorities';

const hour = 3_600_000;
const folder = mkdtempSync(join(tmpdir(), 'stand-in-tls-'));
const [ours, foreign] = [testAuthority('own', 'cluster'), testAuthority('foreign', 'cluster')];

function made(by: typeof ours, series: Partial<TlsState['series']> = {}) {
  const at = (ms: number) => new Date(Date.now() + ms).toISOString();
  const state: TlsState = {
    stage: 'require',
    signer: by.id,
    trusts: [by.id],
    series: { number: 1, from: at(-hour), until: at(hour), ...series },
  };
  const node = { id: 'node-1', address: '10.0.1.10', ssh: { address: '10.0.1.10', port: 22, user: 'root' } };
  const signers = () => by;
  return { ...identityOf(state, { cluster: 'cluster', node, part: 'origin' }, signers), ca: trustedBy(state, signers) };
}

const own = made(ours);
const path = (name: string, text: string) => {
  writeFileSync(join(folder, name), text);
  return { path: join(folder, name) };
};

function settings(nginx: Tree = {}): Settings {
  const pair = {
    cert: path('tls.crt', own.certificate),
    key: path('tls.key', own.key),
    passphrase: path('passphrase', ''),
  };
  return new Settings({ nginx, tls: { name: 'kraken', cas: [path('ca.crt', own.ca)], server: pair, client: pair } });
}

let door: Door | undefined;
afterEach(() => {
  door?.server.close();
  door?.closeIdle();
});
afterAll(() => rmSync(folder, { recursive: true }));

async function open(nginx?: Tree): Promise<number> {
  door = openDoor(
    settings(nginx),
    (asked, answer) => void asked.pipe(answer.writeHead(200)),
    () => undefined,
  );
  await new Promise<void>((resolve) => door!.server.listen(0, '127.0.0.1', resolve));
  return (door.server.address() as AddressInfo).port;
}

interface Ask {
  tls?: object | false;
  method?: string;
  /** Kraken lets 127.0.0.1 do all. */
  from?: string;
}

function ask(port: number, { tls = {}, method = 'GET', from = '127.0.0.2' }: Ask): Promise<number | string> {
  const options = { host: '127.0.0.1', port, method, localAddress: from, agent: false as const };
  return new Promise((resolve) => {
    const done = (answer: { statusCode?: number; resume(): void }) => {
      answer.resume();
      resolve(answer.statusCode ?? 0);
    };
    const sent = tls
      ? requestInTls({ ...options, ca: own.ca, servername: 'kraken', ...tls }, done)
      : request(options, done);
    sent.on('error', (error: NodeJS.ErrnoException) => resolve(error.code ?? error.message));
    sent.end(method === 'GET' ? undefined : 'x');
  });
}

const shows = ({ certificate: cert, key }: { certificate: string; key: string }) => ({ cert, key });
const past = new Date(Date.now() - hour / 2).toISOString();

test.each<[string, Ask, number | string]>([
  ['reads without a certificate', {}, 200],
  ['writes without a certificate', { method: 'POST' }, 403],
  ['writes from 127.0.0.1 without a certificate', { method: 'POST', from: '127.0.0.1' }, 200],
  ['writes with a certificate of ours', { method: 'POST', tls: shows(own) }, 200],
  ['reads with a foreign certificate', { tls: shows(made(foreign)) }, 400],
  ['writes with a foreign certificate', { method: 'POST', tls: shows(made(foreign)) }, 400],
  ['writes with one that has ended', { method: 'POST', tls: shows(made(ours, { until: past })) }, 400],
  ['asks for another name', { tls: { servername: 'registry.example.com' } }, 'ERR_TLS_CERT_ALTNAME_INVALID'],
  ['believes others', { tls: { ca: made(foreign).ca } }, 'SELF_SIGNED_CERT_IN_CHAIN'],
  ['comes without TLS', { tls: false }, 400],
])('who %s is answered as by the nginx of Kraken', async (_, asked, expected) => {
  expect(await ask(await open(), asked)).toBe(expected);
});

test('with the template of krakenctl both languages are answered on one port', async () => {
  const port = await open({ template_path: path('nginx.tmpl', bothLanguages('origin')).path });
  expect(await ask(port, { tls: false, method: 'POST' })).toBe(200);
  expect(await ask(port, { method: 'POST', tls: shows(own) })).toBe(200);
  expect(await ask(port, { method: 'POST' })).toBe(403);
});

test('a part whose configuration says so asks in TLS, and nobody without it', async () => {
  const port = await open();
  speakTls(settings());
  expect(await fetchText(`http://127.0.0.1:${port}/a`, { method: 'PUT', body: 'hello' })).toBe('hello');
  await expect(fetchText(`http://127.0.0.1:${port}/a`, { plain: true })).rejects.toThrow(/400/);
});
