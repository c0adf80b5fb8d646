import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { parseLoaded } from '../../../src/cluster/firewall/loaded';
import { firewallHosts } from '../../../src/cluster/firewall/rules';
import { firewallDifferences } from '../../../src/cluster/firewall/wanted';
import type { ClusterSpec } from '../../../src/cluster/spec';
import { exampleSpec } from '../../support/cluster';

/** What nft 1.0.6 says of the rules of this very spec, after it has loaded them. */
const listed = readFileSync(join(__dirname, 'nft-listed.txt'), 'utf8');
const spec = exampleSpec((s) => {
  s.firewall = {
    clients: ['10.0.0.0/8', '2001:db8::/32'],
    peers: ['10.0.3.0/24'],
    ssh: ['10.0.0.5', '::1'],
  };
});
const vms = ['root@10.0.2.10:22', 'root@10.0.2.11:22'];

const differences = (change: (text: string) => string, of: ClusterSpec = spec, known = vms) =>
  firewallDifferences({
    spec: of,
    vms: known,
    host: firewallHosts(of, known)[0]!,
    loaded: parseLoaded(change(listed)),
  });

test('what was loaded reads as what was rendered', () => {
  const { ports, sets, dropped } = parseLoaded(listed);
  expect(ports.map(({ port, from }) => `${port} ${from}`)).toContain('5000 clients');
  expect(sets.clients6).toEqual(['2001:db8::/32']);
  expect(dropped).toContainEqual({ port: 'forwarded', packets: 0 });
  expect(differences((text) => text)).toEqual([]);
});

test('nothing loaded is every filtered port open to anyone', () => {
  const none = firewallDifferences({ spec, vms, host: firewallHosts(spec, vms)[0]! });
  expect(none).toHaveLength(16);
  expect(none[0]).toEqual({ port: 22, what: 'ssh', was: 'anyone', shall: 'operators' });
});

describe('what another hand changed is told', () => {
  const without = (pattern: RegExp) => (text: string) => {
    const tree = JSON.parse(text) as { nftables: object[] };
    return JSON.stringify({ nftables: tree.nftables.filter((entry) => !pattern.test(JSON.stringify(entry))) });
  };

  test('a port whose drop is gone', () => {
    expect(differences(without(/"rule".*"dropped_6379"/))).toEqual([
      { port: 6379, what: 'redis', was: 'anyone', shall: 'nodes' },
    ]);
  });

  test('a port that lets in others', () => {
    const change = (text: string) =>
      text.replace(/("right": 6379\}\}, \{"jump": \{"target": ")from_nodes/, '$1from_clients');
    expect(differences(change)).toEqual([{ port: 6379, what: 'redis', was: 'clients', shall: 'nodes' }]);
    const strange = (text: string) => text.replace(/("right": 6379\}\}, \{"jump": \{"target": ")from_nodes/, '$1mine');
    expect(differences(strange)).toMatchObject([{ was: 'unknown' }]);
  });

  test('a port that is not ours', () => {
    const change = (text: string) => text.replaceAll('"right": 6380', '"right": 9999');
    expect(differences(change)).toEqual([
      { port: 6380, what: 'redis-replica', was: 'anyone', shall: 'nodes' },
      { port: 9999, what: 'no port of ours', was: 'nodes', shall: 'anyone' },
    ]);
  });

  test('an address more, and one less', () => {
    expect(differences((text) => text.replace('"10.0.2.11"', '"10.0.2.12"'))).toEqual([
      { set: 'vms', added: ['10.0.2.11'], removed: ['10.0.2.12'], more: 0 },
    ]);
  });
});

test('many VMs that came are cut to some, with a count of the others', () => {
  const many = Array.from({ length: 40 }, (_, i) => `root@10.0.2.${i + 10}:22`);
  const [difference] = differences((text) => text, spec, many);
  expect(difference).toMatchObject({ set: 'vms', more: 28 });
  expect(difference && 'added' in difference && difference.added).toHaveLength(10);
});

test('elements are read in every form of nft', () => {
  const elem = [
    '10.0.0.1',
    { prefix: { addr: '10.1.0.0', len: 16 } },
    { range: ['10.2.0.1', '10.2.0.9'] },
    { elem: { val: '10.3.0.1' } },
  ];
  const { sets } = parseLoaded(
    JSON.stringify({ nftables: [{ set: { name: 'nodes4', elem } }, { set: { name: 'vms4' } }] }),
  );
  expect(sets).toEqual({ nodes4: ['10.0.0.1', '10.1.0.0/16', '10.2.0.1-10.2.0.9', '10.3.0.1'], vms4: [] });
});
