import { isIPv6 } from 'node:net';
import fc from 'fast-check';
import { disjoint, meantNetwork, parseNetwork, showNetwork } from '../../../src/cluster/firewall/networks';

const canonical = (text: string) => {
  const network = parseNetwork(text);
  return network && showNetwork(network);
};

test.each([
  ['10.0.1.10', '10.0.1.10'],
  ['10.0.1.10/32', '10.0.1.10'],
  ['0.0.0.0/0', '0.0.0.0/0'],
  ['2001:DB8:0:0::/32', '2001:db8::/32'],
  ['::/0', '::/0'],
  ['::1', '::1'],
  ['1::', '1::'],
  ['1:0:0:2:0:0:0:3', '1:0:0:2::3'],
  ['1:0:2:3:4:5:6:7', '1:0:2:3:4:5:6:7'],
  ['fe80::1:0:0/96', 'fe80::1:0:0/96'],
])('%s is written as %s', (text, shown) => expect(canonical(text)).toBe(shown));

// biome-ignore format: a table
test.each([
  '', '/', '10.0.1', '10.0.1.256', '010.0.1.1', '10.0.1.5/24', '10.0.0.0/33', '10.0.0.0/8/8', '10.0.0.0/+8', '1::2::3', ':::',
  '1:2:3:4:5:6:7:8:9', '1:2:3:4:5:6:7::8', 'fe80::1%eth0', '::ffff:10.0.0.1', '12345::', 'g::', 'localhost', '10.0.0.1 }',
])('%j is no network', (text) => expect(parseNetwork(text)).toBeUndefined());

test('an address that is written with a shorter prefix has a network that was meant', () => {
  expect(meantNetwork('10.0.1.5/24')).toBe('10.0.1.0/24');
  expect(meantNetwork('2001:db8::1/32')).toBe('2001:db8::/32');
  expect(meantNetwork('10.0.1.5/x')).toBeUndefined();
});

test('what is printed reads as the same network, and as IPv6 to others too', () => {
  const network = fc.oneof(
    fc.record({ family: fc.constant(4 as const), value: fc.bigInt(0n, 2n ** 32n - 1n), bits: fc.nat(32) }),
    fc.record({ family: fc.constant(6 as const), value: fc.bigInt(0n, 2n ** 128n - 1n), bits: fc.nat(128) }),
    // Long runs of zeros.
    fc.record({
      family: fc.constant(6 as const),
      value: fc
        .array(fc.constantFrom(0n, 0n, 1n), { minLength: 8, maxLength: 8 })
        .map((g) => g.reduce<bigint>((s, n) => s * 65536n + n, 0n)),
      bits: fc.constant(128),
    }),
  );
  fc.assert(
    fc.property(network, ({ family, value, bits }) => {
      const free = BigInt((family === 4 ? 32 : 128) - bits);
      const wanted = { family, first: (value >> free) << free, bits };
      const text = showNetwork(wanted);
      expect(parseNetwork(text)).toEqual(wanted);
      if (family === 6) expect(isIPv6(text.split('/')[0]!)).toBe(true);
    }),
    { numRuns: 500 },
  );
});

test('no two that are kept overlap, and nothing that was named is lost', () => {
  const show = (texts: string[]) => disjoint(texts.map((text) => parseNetwork(text)!)).map(showNetwork);
  expect(show(['10.1.0.0/16', '10.0.0.0/8', '::1', '10.0.0.0/8', '192.0.2.1'])).toEqual([
    '10.0.0.0/8',
    '192.0.2.1',
    '::1',
  ]);
  expect(show(['10.0.0.1', '10.0.0.0/31', '10.0.0.2'])).toEqual(['10.0.0.0/31', '10.0.0.2']);
  expect(show(['::/0', '0.0.0.0/0', '10.0.0.1'])).toEqual(['0.0.0.0/0', '::/0']);
});
