import { stringify } from 'yaml';

/**
 * Trees as YAML, in the very bytes that `yaml` gives: it decides how each key and scalar is written, once, and what is made here is the blocks around
 * them. It takes two seconds for the files of a hundred nodes, in which a worker could say nothing to Temporal; this takes a twentieth.
 */

const options = { version: '1.1', lineWidth: 0, aliasDuplicateObjects: false } as const;
/** Ports and addresses of a large cluster, several times over. */
const mostRemembered = 20_000;

/** Written by the library where a scalar needs lines of its own. */
export function blockText(tree: Record<string, unknown>): string {
  try {
    const lines: string[] = [];
    write(lines, tree, '', '');
    return `${lines.join('\n') || '{}'}\n`;
  } catch (error) {
    if (error instanceof ManyLines) return stringify(tree, options);
    throw error;
  }
}

class ManyLines extends Error {}

type Place = 'key' | 'value' | 'item';

const remembered: Record<Place, Map<unknown, string>> = { key: new Map(), value: new Map(), item: new Map() };

const written: Record<Place, (scalar: never) => string> = {
  key: (scalar) => stringify({ [scalar]: 0 }, options).slice(0, -': 0\n'.length),
  value: (scalar) => stringify({ k: scalar }, options).slice('k: '.length, -1),
  item: (scalar) => stringify([scalar], options).slice('- '.length, -1),
};

function textOf(scalar: unknown, place: Place): string {
  const known = remembered[place].get(scalar);
  if (known !== undefined) return known;
  const text = written[place](scalar as never);
  if (text.includes('\n') || text.startsWith('?')) throw new ManyLines();
  if (remembered[place].size >= mostRemembered) remembered[place].clear();
  remembered[place].set(scalar, text);
  return text;
}

/** Its first line comes behind `first`, the others behind `indent`. */
function write(lines: string[], value: object, first: string, indent: string): void {
  let before = first;
  const put = (text: string, inner: unknown, place: Place) => {
    if (isTree(inner) && !isEmpty(inner)) {
      if (place === 'item') return write(lines, inner, before + text, `${indent}  `);
      lines.push(before + text.trimEnd());
      return write(lines, inner, `${indent}  `, `${indent}  `);
    }
    lines.push(before + text + (isTree(inner) ? emptyText(inner) : textOf(inner, place)));
  };
  if (Array.isArray(value)) {
    for (const item of value) {
      put('- ', item, 'item');
      before = indent;
    }
    return;
  }
  for (const key of Object.keys(value)) {
    const inner = (value as Record<string, unknown>)[key];
    if (inner === undefined) continue;
    put(`${textOf(key, 'key')}: `, inner, 'value');
    before = indent;
  }
}

function isTree(value: unknown): value is object {
  return typeof value === 'object' && value !== null;
}

function isEmpty(value: object): boolean {
  if (Array.isArray(value)) return value.length === 0;
  for (const key in value) if ((value as Record<string, unknown>)[key] !== undefined) return false;
  return true;
}

function emptyText(value: object): string {
  return Array.isArray(value) ? '[]' : '{}';
}
