import { createColors } from 'picocolors';
import { renderTlsStatus, troubleOf } from '../../src/cli/tls-text';
import type { ShownCertificate, TlsEndpoint, TlsInspection } from '../../src/contracts/tls';

const nowMs = Date.parse('2026-11-30T12:00:00Z');
const shows: ShownCertificate = {
  serial: '0133CBB74B1E4F9E7E67',
  names: 'DNS:kraken, DNS:origin.node-1.cluster',
  issuer: 'CN=krakenctl',
  until: '2027-02-28T00:00:00.000Z',
  isBelieved: true,
};
const endpoint = (change: Partial<TlsEndpoint> = {}): TlsEndpoint => ({
  ...{ host: 'node-1', part: 'origin', port: 8080, shows, expected: shows.serial },
  ...change,
});
const look = (endpoints: TlsEndpoint[], more: Partial<TlsInspection> = {}): TlsInspection => ({
  ...{ stage: 'require', endpoints, unseen: [], tookMs: 40 },
  ...more,
});
const view = { cluster: 'cluster', colors: createColors(false), nowMs };

test.each<[string, Partial<TlsEndpoint>, string | undefined]>([
  ['what is recorded', {}, undefined],
  ['no TLS', { shows: 'plain' }, 'speaks no TLS'],
  ['nothing', { shows: 'nothing' }, 'does not answer'],
  ['one that has ended', { shows: { ...shows, until: '2026-11-30T12:00:00.000Z' } }, 'has ended'],
  ['one of a stranger', { shows: { ...shows, isBelieved: false } }, 'is not believed'],
  ['another', { expected: '01AA00000000BB' }, 'is another than the recorded one (01AA00000000)'],
  ['one that nobody can compare', { expected: undefined }, undefined],
])('a port that shows %s', (_, change, trouble) => expect(troubleOf(endpoint(change), nowMs)).toBe(trouble));

test('each port has its line, with serial, end and names; what is wrong is counted', () => {
  expect(renderTlsStatus(look([endpoint(), endpoint({ part: 'nginx', port: 5000, shows: 'plain' })]), view)).toEqual([
    'cluster  TLS require · seen in 40 ms',
    ' node-1  origin   8080  0133CBB74B1E  until 2027-02-28T00:00Z (89 days)  DNS:kraken, DNS:origin.node-1.cluster',
    ' node-1  nginx    5000  ✘ speaks no TLS',
    ' 1 of 2 ports do not show what is recorded',
  ]);
  expect(renderTlsStatus(look([endpoint()]), view).at(-1)).toBe(' 1 ports show what is recorded');
});

test('a host that was not seen is named, and so is a cluster without TLS', () => {
  const unseen = [{ host: 'node-2', error: 'timed out' }];
  expect(renderTlsStatus(look([], { stage: 'off', unseen }), view)).toEqual([
    'cluster  TLS off · seen in 40 ms',
    ' node-2  ? not seen  timed out',
  ]);
});
