import fc from 'fast-check';

const [halves, first] = [0x800, 0xd800];

/** Any code point but halves of pairs, as fast-check's own unit `binary`, which looks through all million of them once for each file that names it. */
const codePoint = fc.integer({ min: 0, max: 0x10ffff - halves }).map(
  (code) => String.fromCodePoint(code < first ? code : code + halves),
  (text) => {
    const code = typeof text === 'string' ? text.codePointAt(0) : undefined;
    if (code === undefined || text !== String.fromCodePoint(code)) throw new Error('no single code point');
    return code < first ? code : code - halves;
  },
);

/** Any text of so many code points at most. */
export const anyText = (maxLength: number) => fc.string({ unit: codePoint, maxLength });
