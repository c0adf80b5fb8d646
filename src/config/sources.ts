import { type EnvEntry, parseEnvFile } from './env-file';
import { findKey, nodeNumber } from './keys';
import type { Mistake } from './mistakes';
import { findNearestName } from './nearest';
import { printValue } from './printing';

/** Where a value came from, and which of several wins: flag, then environment, then `.env`, then the default. */

export interface Given {
  text: string;
  /** `flag`, `environment` or the file's name. */
  file: string;
  line?: number;
}

export interface ConfigSources {
  /** The text of a `.env` and the name to call it by. */
  envFile?: { name: string; text: string };
  /** For example `process.env`; only known names are read, and an empty one counts as not set. */
  environment?: Record<string, string | undefined>;
  /** By key, for example `{CONCURRENCY: '3'}` for `--concurrency 3`. */
  flags?: Record<string, string | undefined>;
}

export interface Gathered {
  /** By key, what won. */
  given: Map<string, Given>;
  /** Keys that the file names in a line that cannot be read; they are not missing. */
  broken: Set<string>;
  mistakes: Mistake[];
}

export function gatherTexts({ envFile, environment = {}, flags = {} }: ConfigSources): Gathered {
  const file = envFile?.name ?? '.env';
  const { entries, mistakes } = envFile ? parseEnvFile(envFile.text, file) : { entries: [], mistakes: [] };
  const given = new Map<string, Given>();
  const unknown: Mistake[] = [];
  for (const entry of entries) {
    if (findKey(entry.key)) given.set(entry.key, { text: entry.value, file, line: entry.line });
    else unknown.push(describeUnknown(entry, file));
  }
  for (const [key, text] of Object.entries(environment)) {
    if (text && findKey(key)) given.set(key, { text, file: 'environment' });
  }
  for (const [key, text] of Object.entries(flags)) {
    if (!findKey(key)) throw new RangeError(`no key ${key} for a flag`);
    if (text !== undefined) given.set(key, { text, file: 'flag' });
  }
  const broken = new Set(mistakes.flatMap(({ key }) => (key === undefined ? [] : [key])));
  return { given, broken, mistakes: [...mistakes, ...unknown] };
}

function describeUnknown({ key, value, line }: EnvEntry, file: string): Mistake {
  const nearest = findNearestName(key);
  return {
    file,
    line,
    key,
    value: printValue(key, value),
    problem: nearest ? `unknown name, nearest: ${nearest}` : 'unknown name',
    expected: 'a name that is in .env.template',
    hint: hintForUnknown(key),
  };
}

function hintForUnknown(key: string): string | undefined {
  if (/^(TEMPORAL|KRAKENCTL)_/.test(key)) return 'it is read from the environment, not from this file';
  return nodeNumber(key.replace(/_?0*(\d+)$/, '_$1')) === undefined
    ? undefined
    : 'nodes are CLUSTER_NODE_1, CLUSTER_NODE_2, …';
}
