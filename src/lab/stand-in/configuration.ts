import { readFileSync } from 'node:fs';
import { dirname, isAbsolute, join } from 'node:path';
import { parseYaml, type Yaml } from './yaml';

export type Tree = { [key: string]: Yaml };

/** Reads a file and all that it extends; the extending file wins, maps merge deeply, lists are replaced. @throws {Error} */
export function loadConfiguration(path: string): Settings {
  const seen = new Set<string>();
  let tree: Tree = {};
  for (let next: string | undefined = path; next; ) {
    if (seen.has(next)) throw new Error('cyclic reference in configuration extends detected');
    seen.add(next);
    const read = readTree(next);
    tree = merge(read, tree);
    const base: Yaml | undefined = read.extends;
    next = typeof base !== 'string' || base === '' ? undefined : isAbsolute(base) ? base : join(dirname(next), base);
  }
  return new Settings(tree);
}

function readTree(path: string): Tree {
  const value = parseYaml(readFileSync(path, 'utf8'));
  if (value === null) return {};
  if (!isTree(value)) throw new Error(`unmarshal ${path}: a map is expected`);
  return value;
}

function merge(under: Tree, over: Tree): Tree {
  const merged: Tree = { ...under };
  for (const [key, value] of Object.entries(over)) {
    const before = merged[key];
    if (isTree(before) && isTree(value)) merged[key] = merge(before, value);
    // Nothing said is not "empty": what is below stays.
    else if (value !== null || before === undefined) merged[key] = value;
  }
  return merged;
}

function isTree(value: Yaml | undefined): value is Tree {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

/** Typed looks into a configuration, by dotted path. */
export class Settings {
  constructor(private readonly tree: Tree) {}

  text(path: string, otherwise = ''): string {
    const value = this.find(path);
    return value === undefined || value === null ? otherwise : String(value);
  }

  number(path: string, otherwise: number): number {
    const value = this.find(path);
    return typeof value === 'number' && value !== 0 ? value : otherwise;
  }

  flag(path: string): boolean {
    return this.find(path) === true;
  }

  texts(path: string): string[] {
    const value = this.find(path);
    return Array.isArray(value) ? value.map(String) : [];
  }

  parts(path: string): Settings[] {
    const value = this.find(path);
    return Array.isArray(value) ? value.filter(isTree).map((it) => new Settings(it)) : [];
  }

  /** In milliseconds. */
  duration(path: string, otherwise: number): number {
    const value = this.find(path);
    return value === undefined || value === null || value === 0 ? otherwise : parseDuration(value);
  }

  private find(path: string): Yaml | undefined {
    return path.split('.').reduce<Yaml | undefined>((at, key) => (isTree(at) ? at[key] : undefined), this.tree);
  }
}

const units: Record<string, number> = { ns: 1e-6, us: 1e-3, ms: 1, s: 1_000, m: 60_000, h: 3_600_000 };

/** Go's durations: `1h30m`, or nanoseconds as a bare number. @throws {Error} for anything else. */
function parseDuration(value: Yaml): number {
  if (typeof value === 'number') return value / 1e6;
  const text = String(value);
  if (!/^(\d+(\.\d+)?(ns|us|ms|s|m|h))+$/.test(text)) throw new Error(`cannot unmarshal ${text} into time.Duration`);
  const parts = [...text.matchAll(/([\d.]+)(ns|us|ms|s|m|h)/g)];
  return parts.reduce((sum, [, amount, unit]) => sum + Number(amount) * units[unit!]!, 0);
}
