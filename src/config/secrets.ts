import { readFileSync } from 'node:fs';
import { parseEnvFile } from './env-file';
import { isSecretName } from './printing';

/** Where values of secrets may be that must not leave this machine. */
export interface SecretPlaces {
  /** The `.env`; one that cannot be read holds none. */
  path?: string;
  environment: Record<string, string | undefined>;
}

/** Shorter ones, switches and small numbers would be found in every other word, and hide nothing. */
const shortest = 4;
const plainWord = /^(true|false|none|null|\d{1,5})$/i;

/**
 * Every value whose name says that it is a secret, in the file and in the environment; also of keys that are misspelt, unknown or
 * refused, since a file that is wrong still holds secrets. Longest first.
 */
export function findSecretValues({ path = '.env', environment }: SecretPlaces): string[] {
  const named = [...Object.entries(environment), ...readEntries(path)];
  const values = named.flatMap(([name, value]) => (value && isSecretName(name) ? [value] : []));
  const known = new Set(values.filter((value) => value.length >= shortest && !plainWord.test(value)));
  return [...known].sort((a, b) => b.length - a.length);
}

function readEntries(path: string): [string, string][] {
  let text: string;
  try {
    text = readFileSync(path, 'utf8');
  } catch {
    return [];
  }
  const parsed = parseEnvFile(text, path).entries.map(({ key, value }): [string, string] => [key, value]);
  return [...parsed, ...rawEntries(text)];
}

/** A line that the parser refuses is read as a shell would, with and without its quotes. */
function rawEntries(text: string): [string, string][] {
  return text.split(/\r?\n/).flatMap((line): [string, string][] => {
    const [, key, value] = /^\s*(?:export\s+)?([\w.-]+)\s*=\s*(.*?)\s*$/.exec(line) ?? [];
    if (key === undefined || !value) return [];
    return [
      [key, value],
      [key, value.replace(/^["']|["']$/g, '')],
    ];
  });
}
