import { request } from 'node:http';
import { request as requestInTls } from 'node:https';
import { newAuthority } from '../../../src/clients/vault';
import { bothLanguages } from '../../../src/cluster/render/inner-nginx';
import type { TlsState } from '../../../src/cluster/spec';
import { identityOf } from '../../../src/cluster/tls/material';
import { ports, type Tree } from './configurations';
import { docker, eventually } from './docker';
import { expect, expectEqual, type Rule } from './rules';
import { type PartRun, runToEnd, type Stage, startPart } from './stage';

/** What krakenctl's way to TLS relies on: a part with certificates, alone on its node, asked from another machine's address. */

const hour = 3_600_000;
const [ours, foreign] = [newAuthority('contract', Date.now()), newAuthority('contract', Date.now())];

function identity(by: typeof ours, untilMs = hour) {
  const at = (ms: number) => new Date(Date.now() + ms).toISOString();
  const series = { number: 1, from: at(-hour), until: at(untilMs) };
  const state: TlsState = { stage: 'require', signer: by.id, trusts: [by.id], series };
  const node = { id: 'node-1', address: '10.213.1.11', ssh: { address: '10.213.1.11', port: 22, user: 'root' } };
  return identityOf(state, { cluster: 'contract', node, part: 'proxy' }, () => by);
}

const own = identity(ours);
const files = { 'ca.crt': ours.certificate, 'tls.crt': own.certificate, 'tls.key': own.key, passphrase: '' };
const at = (name: string) => ({ path: `/etc/krakenctl/${name}` });
const server = { disabled: false, cert: at('tls.crt'), key: at('tls.key'), passphrase: at('passphrase') };
const tls: Tree = { name: 'kraken', cas: [at('ca.crt')], server, client: { disabled: true } };

function nginx(more: Tree = {}): Tree {
  return { cache_dir: '/var/cache/kraken/kraken-proxy/nginx/', access_log_path: '/dev/stdout', ...more };
}

async function withProxy(stage: Stage, run: PartRun, check: (ask: Ask) => Promise<void>): Promise<void> {
  const name = await startPart(stage, stage.nodes[0]!, 'proxy', run);
  const { address } = stage.nodes[0]!;
  const ask: Ask = (one) => send(address, one);
  try {
    await eventually(async () => expectEqual(await ask({}), 200, '/health in TLS'));
    await check(ask);
  } finally {
    await docker('rm', '-fv', name);
  }
}

interface Asked {
  plain?: boolean;
  shows?: { certificate: string; key: string };
  /** Begins an upload; else /health is read. */
  writes?: boolean;
}
type Ask = (one: Asked) => Promise<number | string>;

/** The status, or why there is none. */
function send(host: string, { plain, shows, writes }: Asked): Promise<number | string> {
  const path = writes ? '/v2/contract/tls/blobs/uploads/' : '/health';
  const options = {
    host,
    port: ports.proxy,
    path,
    method: writes ? 'POST' : 'GET',
    agent: false as const,
    timeout: 5000,
  };
  const client = { ca: ours.certificate, servername: 'kraken', cert: shows?.certificate, key: shows?.key };
  return new Promise((resolve) => {
    const done = (answer: { statusCode?: number; resume(): void }) => {
      answer.resume();
      resolve(answer.statusCode ?? 0);
    };
    const sent = plain ? request(options, done) : requestInTls({ ...options, ...client }, done);
    sent.on('timeout', () => sent.destroy(new Error('no answer within 5 s')));
    sent.on('error', (error) => resolve(error.message));
    sent.end();
  });
}

export const tlsRules: Rule[] = [
  {
    title:
      'with certificates a part takes TLS alone: reading from anybody, writing from who shows one of its authority',
    check: (stage) =>
      withProxy(stage, { config: { tls }, files }, async (ask) => {
        expectEqual(await ask({ plain: true }), 400, 'without TLS');
        expectEqual(await ask({ writes: true }), 403, 'a write without a certificate');
        expectEqual(await ask({ writes: true, shows: own }), 202, 'a write with one');
        expectEqual(await ask({ writes: true, shows: identity(foreign) }), 400, 'a write with a foreign one');
        expectEqual(await ask({ writes: true, shows: identity(ours, -1000) }), 400, 'a write with one that has ended');
      }),
  },
  {
    title:
      "with krakenctl's template a part takes both languages on one port, and asks for certificates in TLS all the same",
    check: (stage) =>
      withProxy(
        stage,
        {
          config: { tls, nginx: nginx({ template_path: '/etc/krakenctl/nginx.tmpl' }) },
          files: { ...files, 'nginx.tmpl': bothLanguages('proxy') },
        },
        async (ask) => {
          expectEqual(await ask({ plain: true }), 200, 'without TLS');
          expectEqual(await ask({ plain: true, writes: true }), 202, 'a write without TLS');
          expectEqual(await ask({ writes: true }), 403, 'a write in TLS without a certificate');
          expectEqual(await ask({ writes: true, shows: own }), 202, 'a write in TLS with one');
        },
      ),
  },
  {
    title: 'a certificate, a key or a passphrase file that is not there ends a part with exit code 1',
    async check(stage) {
      for (const missing of ['tls.crt', 'tls.key', 'passphrase']) {
        const { [missing]: _, ...rest } = files as Record<string, string>;
        const { code, out, err } = await runToEnd(stage, 'proxy', { config: { tls }, files: rest });
        expectEqual(code, 1, `exit code without ${missing}`);
        const says = `invalid TLS config: stat /etc/krakenctl/${missing}: no such file or directory`;
        expect((out + err).includes(says), `without ${missing} it says ${(out + err).slice(-300)}`);
      }
    },
  },
];
