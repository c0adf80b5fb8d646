import fc from 'fast-check';
import { firewallHosts } from '../../../src/cluster/firewall/rules';
import { firewallScript, firewallUnitText } from '../../../src/cluster/render/firewall';
import type { ClusterSpec } from '../../../src/cluster/spec';
import { hostile } from '../../config/hostile';
import { exampleSpec } from '../../support/cluster';

const vms = ['root@10.0.2.10:22'];
const scriptOf = (spec: ClusterSpec, at = 0, known = vms) =>
  firewallScript(spec, known, firewallHosts(spec, known)[at]!);
const narrowed = exampleSpec((s) => {
  s.name = 'blue-2';
  s.firewall = { clients: ['10.0.0.0/8', '2001:db8::/32'], peers: ['10.0.3.0/24'], ssh: ['10.0.0.5', '::1'] };
});

test('one transaction makes, empties and fills our own table, and names no other', () => {
  const text = scriptOf(narrowed);
  expect(text).toContain(
    'add table inet krakenctl_blue_2\ndelete table inet krakenctl_blue_2\ntable inet krakenctl_blue_2 {',
  );
  expect(text.match(/^(?:add |delete )?table .*$/gm)).toHaveLength(3);
  expect(text).not.toContain('flush');
});

test('nothing is dropped but by a rule of one of our ports, and no chain has a policy but accept', () => {
  for (const at of [0, 3]) {
    const text = scriptOf(narrowed, at);
    for (const line of text.split('\n').filter((l) => /\bdrop\b/.test(l))) {
      expect(line).toMatch(
        /^\t\t(ip daddr @(nodes|vms)4 )?tcp dport (\d+|\{ [\d, ]+ \}) counter name "dropped_(\d+|forwarded)" drop$/,
      );
    }
    expect(text.match(/policy \w+/g)).toEqual(['policy accept', 'policy accept']);
  }
});

test('a host reaches itself and what is established stays, before anything is looked at', () => {
  const input = /chain input \{\n.*\n(.*)\n(.*)\n/.exec(scriptOf(narrowed))!;
  expect(input.slice(1).map((line) => line.trim())).toEqual([
    'iifname "lo" accept',
    'ct state established,related accept',
  ]);
});

test('each port lets in the sets of its source, IPv4 and IPv6, and drops the rest under a counter of its own', () => {
  const text = scriptOf(narrowed);
  expect(text).toContain('\t\ttcp dport 6379 jump from_nodes\n\t\ttcp dport 6379 counter name "dropped_6379" drop\n');
  // A port of the host itself has no way in from elsewhere.
  expect(text).not.toContain('tcp dport 6390 jump');
  expect(text).toContain('\t\ttcp dport 6390 counter name "dropped_6390" drop\n');
  const chain = (name: string) => new RegExp(`chain from_${name} \\{\\n([^}]*)\\t\\}`).exec(text)![1]!.match(/@\w+/g);
  expect(chain('nodes')).toEqual(['@nodes4']);
  expect(chain('fleet')).toEqual(['@nodes4', '@vms4', '@peers4']);
  expect(chain('clients')).toEqual(['@nodes4', '@vms4', '@peers4', '@clients4', '@clients6']);
  expect(chain('operators')).toEqual(['@operators4', '@operators6']);
  for (const port of [22, 5000, 6379]) expect(text).toContain(`counter dropped_${port} { }`);
});

test('without FIREWALL_CLIENTS and FIREWALL_SSH neither load balancers nor sshd are mentioned', () => {
  expect(scriptOf(exampleSpec())).not.toMatch(/\b(5000|5003|22)\b/);
});

test('a container does not get out to another member through the address of its own host', () => {
  const forward = scriptOf(narrowed).split('chain forward')[1]!;
  expect(forward).toContain('ip daddr @nodes4 tcp dport { 6379, 6380,');
  expect(forward).toContain('ip daddr @vms4 tcp dport { 8090 } jump from_fleet');
  // Extra sources may be whole networks: what is forwarded to them is nobody's of ours.
  expect(forward).not.toContain('daddr @peers');
});

test('the same spec gives the same text; another VM another', () => {
  expect(scriptOf(narrowed)).toBe(scriptOf(structuredClone(narrowed)));
  expect(scriptOf(narrowed, 0, [...vms, 'root@10.0.2.11:22'])).not.toBe(scriptOf(narrowed));
});

describe('no text of a spec means anything to nft', () => {
  /** All that a script consists of, a line each. */
  const grammar = [
    /^# made by krakenctl.*$/,
    /^(add |delete )?table inet krakenctl_[a-z0-9_]+( \{)?$/,
    /^\tcounter dropped_(\d+|forwarded) \{ \}$/,
    /^\t(set (nodes|vms|peers|clients|operators)[46]|chain (from_(nodes|fleet|clients|operators)|input|forward)) \{$/,
    /^\t\ttype ipv[46]_addr$/,
    /^\t\tflags interval$/,
    /^\t\telements = \{ [0-9a-f.:/]+(, [0-9a-f.:/]+)* \}$/,
    /^\t\tip6? saddr @[a-z]+[46] accept$/,
    /^\t\ttype filter hook (input|forward) priority filter - 10; policy accept;$/,
    /^\t\tiifname "lo" accept$/,
    /^\t\tct state established,related accept$/,
    /^\t\t(ip6? daddr @(nodes|vms)[46] )?tcp dport (\d+|\{ \d+(, \d+)* \}) (jump from_[a-z]+|counter name "dropped_(\d+|forwarded)" drop)$/,
    /^\t# Containers of this host leave it under its address.*$/,
    /^\t?\}$/,
    /^$/,
  ];

  test('whatever stands in it comes out as an address or a number, or not at all', () => {
    const any = fc.oneof(fc.constantFrom(...hostile), fc.string());
    const mostly = <T>(...right: T[]) =>
      fc.oneof({ weight: 9, arbitrary: fc.constantFrom(...right) }, { weight: 1, arbitrary: any });
    const sources = fc.option(
      fc.array(mostly('10.0.0.0/8', '::/0', '10.0.1.10', '2001:db8::1'), { minLength: 1, maxLength: 3 }),
      {
        nil: undefined,
      },
    );
    const parts = fc.record({
      name: mostly('blue-2', '9'),
      address: mostly('10.0.1.77', '10.0.1.10'),
      vm: mostly('10.0.2.10', '10.0.1.11'),
      port: fc.oneof(
        { weight: 9, arbitrary: fc.constant(6379) },
        { weight: 1, arbitrary: fc.oneof(fc.integer(), fc.double(), any) },
      ),
      clients: sources,
      peers: sources,
      ssh: sources,
    });
    let rendered = 0;
    fc.assert(
      fc.property(parts, ({ name, address, vm, port, ...firewall }) => {
        // As it would come over a wire, without the schema that a worker may not have looked through.
        const spec = exampleSpec();
        Object.assign(spec.nodes[1]!, { address });
        Object.assign(spec.ports, { redis: port });
        Object.assign(spec, { name, firewall });
        let text: string;
        try {
          text = scriptOf(spec, 0, [`root@${vm}:22`]);
        } catch {
          return;
        }
        rendered += 1;
        // Once a text: an expectation for each line takes longer than what is looked at.
        expect(text.split('\n').filter((line) => !grammar.some((form) => form.test(line)))).toEqual([]);
      }),
      { numRuns: 500 },
    );
    expect(rendered).toBeGreaterThan(50);
  });

  test('what a plain spec gives is of that grammar', () => {
    for (const at of [0, 3]) {
      for (const line of scriptOf(narrowed, at).split('\n')) {
        expect(grammar.some((form) => form.test(line)) ? '' : line).toBe('');
      }
    }
  });
});

test('the unit loads the rules before the network and Docker, and deletes our table alone', () => {
  const text = firewallUnitText(narrowed);
  expect(text).toContain('\nBefore=network-pre.target docker.service\n');
  expect(text).toContain('\nExecStart=/usr/sbin/nft -f /etc/kraken/blue-2/firewall/rules.nft\n');
  expect(text).toContain('\nExecStop=-/usr/sbin/nft delete table inet krakenctl_blue_2\n');
});
