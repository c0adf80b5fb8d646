import * as fc from 'fast-check';
import { parse, stringify } from 'yaml';
import { parseYaml } from '../../../src/lab/stand-in/yaml';
import { runsOf } from '../../support/slice';

/** The stand-in's own reader, against the library that writes what it reads. */
const scalar = fc.oneof(
  fc.string({ maxLength: 20 }).filter((text) => !/[\r\n]/.test(text)),
  fc.constantFrom(
    '10.0.0.1:8080',
    '.*',
    '5s',
    '/dev/stdout',
    'yes',
    'null',
    '0x1',
    '1e3',
    'a: b',
    '- c',
    '# d',
    "it's",
    '"',
  ),
  fc.boolean(),
  fc.integer(),
  fc.constant(null),
);
const key = fc.oneof(fc.stringMatching(/^[a-z][a-z_.-]{0,10}$/), fc.constantFrom('on', '1', 'a b', 'x:y', '#k', "'"));
const tree = fc.letrec<{ node: unknown; map: unknown }>((tie) => ({
  node: fc.oneof({ maxDepth: 3 }, scalar, fc.array(tie('node'), { maxLength: 3 }), tie('map')),
  map: fc.dictionary(key, tie('node'), { maxKeys: 4, noNullPrototype: true }),
})).map;

test('what krakenctl writes is read back as it was', () => {
  fc.assert(
    fc.property(tree, (value) => {
      const text = stringify(value, { version: '1.1', lineWidth: 0, aliasDuplicateObjects: false });
      expect(parseYaml(`# made by krakenctl\n${text}`)).toEqual(value);
    }),
    { numRuns: runsOf(2_000) },
  );
});

test('hand-written files are read as the library reads them', () => {
  const text = `# a comment
extends: /etc/base.yaml # another
list:
- one
- two: 2
  more: [a, 'b, c', "d#e", {f: 1, g: [2, 3]}]
nested:
  deep: {a: true, b: ~, c: "x: y"}
  empty: {}
  none:
  address: host:80
quoted: 'it''s'
`;
  expect(parseYaml(text)).toEqual(parse(text, { version: '1.1' }));
});

test.each(['No', 'nO', 'oN', 'ON', 'tRUE', 'True', 'nULL', 'Null', 'oFF', 'yES'])(
  '%s is what it is to the library',
  (word) => {
    expect(parseYaml(`a: ${word}`)).toEqual(parse(`a: ${word}`, { version: '1.1' }));
  },
);

test.each(['a: &b 1', 'a: |\n  text', 'a: [1', 'a: 1\na: 2', '\ta: 1', 'a: 1\n   b: 2', 'text\nb: 1', '? a'])(
  'what it does not know is refused: %j',
  (text) => expect(() => parseYaml(text)).toThrow(/^yaml: line/),
);
