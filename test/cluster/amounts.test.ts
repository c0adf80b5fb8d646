import fc from 'fast-check';
import { sayCores, sayMemory, writeDuration, writeSize } from '../../src/cluster/amounts';

test.each([
  [2 ** 30, '1gb', '1 GiB'],
  [1536 * 2 ** 20, '1536mb', '1536 MiB'],
  [65_536, '64kb', '64 KiB'],
  [1_000_000, '1000000', '1000000 bytes'],
])('%d bytes are %s, or %s', (bytes, written, said) => {
  expect([writeSize(bytes), sayMemory(bytes)]).toEqual([written, said]);
});

test('no limit is none', () => {
  expect([sayMemory(-1), sayCores(0)]).toEqual(['none', 'none']);
});

test('cores and durations read as in .env', () => {
  expect([sayCores(5e8), sayCores(1e9), sayCores(2e9)]).toEqual(['0.5 cores', '1 core', '2 cores']);
  expect([writeDuration(5000), writeDuration(1500)]).toEqual(['5s', '1500ms']);
});

test('two amounts that differ never read alike', () => {
  const bytes = fc.integer({ min: 1, max: 2 ** 41 });
  fc.assert(
    fc.property(bytes, bytes, (a, b) => {
      fc.pre(a !== b);
      expect(writeSize(a)).not.toBe(writeSize(b));
      expect(sayMemory(a)).not.toBe(sayMemory(b));
    }),
  );
});
