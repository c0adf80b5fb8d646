import { findForbiddenCharacter } from '../text/characters';
import type { KeyDefinition } from './key';
import { findKey, keyNames, keys, nodeKey, nodeNumber, type Values } from './keys';
import type { Mistake } from './mistakes';
import { printValue } from './printing';
import type { Gathered, Given } from './sources';
import type { NodeAddress } from './values/places';

/** Texts become values. What is wrong becomes a mistake and no value, so that rules over several keys skip it. */

export interface ResolvedNode extends NodeAddress {
  key: string;
  /** `node-1`. */
  id: string;
}

export interface Resolved {
  values: Values;
  /** In order of their numbers; without those that are wrong. */
  nodes: ResolvedNode[];
  mistakes: Mistake[];
}

export function resolveValues(gathered: Gathered): Resolved {
  const mistakes: Mistake[] = [];
  const values: Record<string, unknown> = {};
  for (const name of keyNames) {
    const given = gathered.given.get(name);
    const definition: KeyDefinition = keys[name];
    values[name] = gathered.broken.has(name) && !given ? undefined : readGiven(name, { definition, given, mistakes });
    if (definition.required && !given && !gathered.broken.has(name)) mistakes.push(describeMissing(name, definition));
  }
  return { values: values as Values, nodes: resolveNodes(gathered, mistakes), mistakes };
}

function resolveNodes({ given }: Gathered, mistakes: Mistake[]): ResolvedNode[] {
  return [...given.keys()]
    .filter((key) => nodeNumber(key) !== undefined)
    .sort((a, b) => nodeNumber(a)! - nodeNumber(b)!)
    .flatMap((key) => {
      const node = readGiven(key, { definition: nodeKey, given: given.get(key), mistakes }) as NodeAddress | undefined;
      return node ? [{ ...node, key, id: `node-${nodeNumber(key)}` }] : [];
    });
}

interface Reading {
  definition: KeyDefinition;
  given: Given | undefined;
  mistakes: Mistake[];
}

function readGiven(name: string, { definition, given, mistakes }: Reading): unknown {
  const text = given?.text ?? definition.default;
  if (text === undefined) return undefined;
  const wrong = given && findWrong(name, definition, given.text);
  if (!wrong) return definition.schema.parse(text);
  mistakes.push({ ...placeOf(given), key: name, value: printValue(name, given.text), ...wrong });
  return undefined;
}

type Wrong = Pick<Mistake, 'problem' | 'expected' | 'hint'>;

function findWrong(name: string, definition: KeyDefinition, text: string): Wrong | undefined {
  const expected = definition.range;
  if (text === '') return { problem: 'an empty value', expected, hint: hintForEmpty(definition) };
  const hidden = findForbiddenCharacter(text);
  if (hidden) return { problem: `a character that cannot be seen, ${hidden.name}`, expected };
  const read = definition.schema.safeParse(text);
  if (!read.success) {
    return { problem: 'not a value of this key', expected, hint: read.error.issues[0]?.message || undefined };
  }
  const notYet = definition.notYetValues?.[text] ?? refusalOf(definition, text);
  return notYet === undefined ? undefined : { problem: notYet, expected: expectOff(name, definition) };
}

/** A switch that is not built may only be off. */
function refusalOf({ status, default: off }: KeyDefinition, text: string): string | undefined {
  return status !== 'built' && status.as === 'switch' && text !== off ? status.notYet : undefined;
}

function hintForEmpty(definition: KeyDefinition): string {
  if (definition.required) return `for example ${definition.example}`;
  return `remove the line for the default: ${definition.default ?? definition.absent}`;
}

function expectOff(name: string, definition: KeyDefinition): string {
  return definition.default === undefined
    ? `no line for ${name} yet`
    : `${name}=${definition.default}, or no line for it`;
}

function describeMissing(name: string, { range, example }: KeyDefinition): Mistake {
  return { file: '.env', key: name, problem: 'is missing', expected: range, hint: `for example ${name}=${example}` };
}

export function placeOf({ file, line }: Given): Pick<Mistake, 'file' | 'line'> {
  return line === undefined ? { file } : { file, line };
}

/** Where a mistake of a key belongs; keys that are not set belong into the file. */
export function placeOfKey(gathered: Gathered, key: string): Pick<Mistake, 'file' | 'line' | 'value'> {
  const given = gathered.given.get(key);
  if (given) return { ...placeOf(given), value: printValue(key, given.text) };
  return { file: '.env', value: findKey(key)?.default };
}
