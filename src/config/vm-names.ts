import { readFileSync } from 'node:fs';
import type { VmTarget } from '../cluster/agents/vm';
import { sshAddress } from './values/places';

/** VMs as a person names them: `[user@]address[:port]`, with `{10..20}` for runs of numbers. */
export interface NamedVm extends VmTarget {
  /** As it was written, with where: `vms.txt:3`. */
  where: string;
}

/** One command works on at most so many. */
const mostVms = 100_000;

/** @throws {RangeError} naming the word, and what was expected. */
export function parseVms(words: string[], where: (word: string) => string = (word) => word): NamedVm[] {
  const expanded = words.flatMap((word) => expandRuns(word, where(word)).map((text) => ({ text, where: where(word) })));
  if (expanded.length > mostVms) throw new RangeError(`${expanded.length} VMs: expected at most ${mostVms}`);
  return expanded.map(({ text, where: at }) => ({ ...parseVm(text, at), where: at }));
}

/** One VM a line; blank lines and what follows # are left out. @throws {RangeError} */
export function readVmFile(path: string): NamedVm[] {
  let text: string;
  try {
    text = readFileSync(path, 'utf8');
  } catch (error) {
    throw new RangeError(`--file ${path} cannot be read: ${(error as Error).message}`);
  }
  return text.split(/\r?\n/).flatMap((line, i) => {
    const word = line.replace(/#.*/, '').trim();
    return word === '' ? [] : parseVms([word], () => `${path}:${i + 1}: ${word}`);
  });
}

/** `10.0.2.{9..11}` → three addresses; several runs multiply, as in a shell. */
function expandRuns(word: string, where: string): string[] {
  const match = /^([^{}]*)\{(\d{1,6})\.\.(\d{1,6})\}(.*)$/.exec(word);
  if (!match) {
    if (/[{}]/.test(word)) throw new RangeError(`${where}: expected runs such as 10.0.2.{10..20}`);
    return [word];
  }
  const [, before = '', first = '', last = '', after = ''] = match;
  const [from, to] = [Number(first), Number(last)];
  if (to < from) throw new RangeError(`${where}: expected the smaller number first in {${first}..${last}}`);
  if (to - from >= mostVms) throw new RangeError(`${where}: expected at most ${mostVms} VMs`);
  const rest = expandRuns(after, where);
  const width = first.startsWith('0') ? first.length : 0;
  return Array.from({ length: to - from + 1 }, (_, i) => String(from + i).padStart(width, '0')).flatMap((number) =>
    rest.map((tail) => `${before}${number}${tail}`),
  );
}

function parseVm(text: string, where: string): VmTarget {
  const parsed = sshAddress.safeParse(text);
  if (parsed.success) return parsed.data;
  throw new RangeError(
    `${where}: ${parsed.error.issues[0]?.message ?? 'not an address'}; expected [user@]address[:port]`,
  );
}
