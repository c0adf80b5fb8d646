import fc from 'fast-check';
import { stringify } from 'yaml';
import { blockText } from '../../../src/cluster/render/block-text';
import { runsOf } from '../../support/slice';

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
    { numRuns: runsOf(2000) },
  );
});

test('blocks in blocks, empty ones too', () => {
  const tree = { a: { b: [], c: {}, d: [[1, 2], [{}], [{ e: 'no', f: [{ g: null }] }]] }, '@type': 'x', h: undefined };
  expect(blockText(tree)).toBe(byLibrary(tree));
});
