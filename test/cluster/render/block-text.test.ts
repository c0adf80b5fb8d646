import fc from 'fast-check';
import { stringify } from 'yaml';
import { blockText } from '../../../src/cluster/render/block-text';
import { renderFiles } from '../../../src/cluster/render/files';
import { partNames } from '../../../src/cluster/spec';
import { exampleSpec } from '../../support/cluster';

const byLibrary = (tree: object) => stringify(tree, { version: '1.1', lineWidth: 0, aliasDuplicateObjects: false });

/** Words that YAML 1.1 reads as something else, text that it must quote, and whatever chance gives. */
const words = [
  'no',
  'on',
  'y',
  '~',
  'null',
  '1',
  '0x1f',
  '1e3',
  '1_0',
  '22:22',
  '2001-01-01',
  '',
  ' a',
  'a: b',
  'a #b',
  '-',
  '?',
  '@type',
  '*',
  '&a',
  '%',
  '|',
  '>',
  "it's",
  '"',
  '[a]',
  '{a',
  'ö',
  '\u007f',
  '10.0.1.1:80',
  '.*',
  '3s',
  '<<',
  '=',
  'a\nb',
  '\t',
];
const text = fc.oneof(fc.constantFrom(...words), fc.string());
const scalar = fc.oneof(text, fc.integer(), fc.double({ noNaN: true }), fc.boolean(), fc.constant(null));
const { tree } = fc.letrec<{ tree: object; any: unknown }>((tie) => ({
  any: fc.oneof({ maxDepth: 4 }, scalar, tie('tree'), fc.array(tie('any'), { maxLength: 3 })),
  tree: fc.dictionary(text, fc.oneof({ maxDepth: 4 }, tie('any'), fc.constant(undefined)), { maxKeys: 4 }),
}));

test('a tree is written in the bytes of the library, whatever is in it', () => {
  fc.assert(
    fc.property(tree, (one) => {
      expect(blockText(one as Record<string, unknown>)).toBe(byLibrary(one));
    }),
    { numRuns: 2000 },
  );
});

test('blocks in blocks, empty ones too', () => {
  const tree = { a: { b: [], c: {}, d: [[1, 2], [{}], [{ e: 'no', f: [{ g: null }] }]] }, '@type': 'x', h: undefined };
  expect(blockText(tree)).toBe(byLibrary(tree));
});

test('the files of a hundred nodes are written in less than a second', () => {
  const spec = exampleSpec((s) => {
    s.nodes = Array.from({ length: 100 }, (_, i) => ({
      ...{ id: `node-${i + 1}`, address: `10.0.1.${i + 1}` },
      ssh: { address: `10.0.1.${i + 1}`, port: 22, user: 'root' },
    }));
    s.loadBalancers = s.nodes.map(({ id }) => id);
  });
  const began = process.cpuUsage().user;
  const files = spec.nodes.flatMap((node) => partNames.map((part) => renderFiles(spec, node, part)));
  expect(files).toHaveLength(900);
  expect((process.cpuUsage().user - began) / 1e6).toBeLessThan(1);
});
