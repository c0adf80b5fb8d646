import { execFileSync } from 'node:child_process';
import { parse } from 'yaml';
import { agentRelease } from '../../../../src/cluster/agents/release';
import type { ClusterSpec, TlsStage } from '../../../../src/cluster/spec';
import { exampleSpec } from '../../../support/cluster';

const digest = `sha256:${'a'.repeat(64)}`;
const trusted = '-----BEGIN CERTIFICATE-----\nown\n-----END CERTIFICATE-----\n';
const series = { number: 1, from: '2026-11-01T00:00:00.000Z', until: '2027-02-01T00:00:00.000Z' };
const at = (stage: TlsStage, number = 1): ClusterSpec => {
  const state = { stage, signer: 'ca-1', trusts: ['ca-1'], series: { ...series, number } };
  return exampleSpec((s) => void Object.assign(s, { tls: { lifetimeSeconds: 600, state } }));
};
const made = (spec: ClusterSpec, pem = trusted) => agentRelease(spec, digest, { owner: 'owner', trusted: pem });
const release = made(at('require'));
const file = (path: string, of = release) => of.files.find((f) => f.path === path)?.contents;

describe('the ways of a VM to load balancers that speak TLS', () => {
  const conf = file('gateway/nginx.conf')!;

  test('believe none but those of the cluster, by the name that all of them have', () => {
    expect(file('gateway/ca.crt')).toBe(trusted);
    for (const line of [
      'proxy_ssl_trusted_certificate /etc/krakenctl/ca.crt;',
      'proxy_ssl_verify on;',
      'proxy_ssl_name kraken;',
      'proxy_ssl_server_name on;',
    ])
      expect(conf).toContain(line);
    expect(conf.match(/proxy_pass (\w+):/g)).toEqual(Array(6).fill('proxy_pass https:'));
    expect(conf.match(/listen (\S+);/g)).toEqual(
      [8095, 8096, 8097, 8098, 8099, 8100].map((n) => `listen 127.0.0.1:${n};`),
    );
  });

  test('need no credential, and are all that the agent, kraken-pull and the timer know', () => {
    expect(conf).not.toContain('login');
    expect(file('gateway-run')).not.toMatch(/login|credential/);
    const agent = parse(file('config/agent.yaml')!) as Record<string, { hosts: { static: string[] } }>;
    for (const upstream of ['tracker', 'build_index'])
      expect(agent[upstream]!.hosts.static).toEqual(['127.0.0.1:8098', '127.0.0.1:8099', '127.0.0.1:8100']);
    expect(file('kraken-pull.conf')).toContain('RELAYS=127.0.0.1:8095 127.0.0.1:8096 127.0.0.1:8097\n');
    expect(file('update')).toContain('for balancer in 127.0.0.1:8095 127.0.0.1:8096 127.0.0.1:8097; do');
    const units = release.files.map((f) => f.path).filter((path) => path.includes('kraken-relay'));
    expect(units).toEqual(['systemd/kraken-relay-gateway.service']);
    for (const path of ['gateway-run', 'activate', 'update']) execFileSync('sh', ['-n'], { input: file(path) });
  });

  test('no key is in a release', () => {
    expect(release.files.map(({ contents }) => contents).join('')).not.toContain('PRIVATE KEY');
  });

  test.each<[string, ClusterSpec, boolean]>([
    ['accept', at('accept'), false],
    ['bus', at('bus'), false],
    ['speak', at('speak'), true],
    ['require', at('require'), true],
  ])('at %s are in TLS where the parts ask each other so', (_, spec, inTls) => {
    const plain = agentRelease(exampleSpec(), digest, { owner: 'owner' });
    expect(made(spec).id === release.id).toBe(inTls);
    expect(made(spec).id === plain.id).toBe(!inTls);
  });

  test('are others for another authority, and the same for new certificates of the same one', () => {
    expect(made(at('require', 2)).id).toBe(release.id);
    expect(made(at('require'), `${trusted}${trusted}`).id).not.toBe(release.id);
  });

  test('are not made where nobody is to be believed', () => {
    expect(() => agentRelease(at('require'), digest, { owner: 'owner' })).toThrow('nobody said whom they believe');
  });
});
