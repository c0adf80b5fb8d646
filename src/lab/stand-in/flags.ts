/** Command lines as Go's flag package reads them: `-name value`, `--name value` or `--name=value`, all else is fatal. */
export type FlagKind = 'text' | 'number' | 'numbers';
export type Flags = Record<string, string | number | number[] | undefined>;

export class FlagError extends Error {}

/** @throws {FlagError} for a flag that is not among `kinds`, a missing value or a number that is none. */
export function parseFlags(argv: string[], kinds: Record<string, FlagKind>): Flags {
  const flags: Flags = {};
  const rest = [...argv];
  for (let word = rest.shift(); word !== undefined; word = rest.shift()) {
    const [, name = '', joined] = /^--?([^-=][^=]*)(?:=(.*))?$/.exec(word) ?? [];
    // Go stops at the first word that is no flag.
    if (name === '') return flags;
    const kind = kinds[name];
    if (!kind) throw new FlagError(`flag provided but not defined: -${name}`);
    const value = joined ?? rest.shift();
    if (value === undefined) throw new FlagError(`flag needs an argument: -${name}`);
    put(flags, { name, kind, value });
  }
  return flags;
}

function put(flags: Flags, { name, kind, value }: { name: string; kind: FlagKind; value: string }): void {
  if (kind === 'text') {
    flags[name] = value;
    return;
  }
  if (!/^-?\d+$/.test(value)) throw new FlagError(`invalid value "${value}" for flag -${name}: parse error`);
  const before = flags[name];
  flags[name] = kind === 'numbers' ? [...(Array.isArray(before) ? before : []), Number(value)] : Number(value);
}

export function usage(program: string, kinds: Record<string, FlagKind>): string {
  const lines = Object.entries(kinds).map(([name, kind]) => `  -${name} ${kind === 'text' ? 'string' : 'int'}`);
  return [`Usage of ${program}:`, ...lines].join('\n');
}
