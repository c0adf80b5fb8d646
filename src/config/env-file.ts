import { findForbiddenCharacter, makeVisible } from '../text/characters';
import { readEnvValue, trimBlanks, Unreadable } from './env-value';
import { findKey } from './keys';
import type { Mistake } from './mistakes';
import { findNearestName } from './nearest';
import { printValue } from './printing';

/**
 * A strict reader of `.env`. What it accepts, a shell that sources the file and the usual readers of `.env` understand in
 * the same way; what they would run, expand or read differently is refused with the line. Nothing is expanded or executed.
 */

export interface EnvEntry {
  key: string;
  value: string;
  /** 1-based. */
  line: number;
}

export interface ParsedEnvFile {
  entries: EnvEntry[];
  mistakes: Mistake[];
}

const assignment = /^(export[ \t]+)?([^=]*)=(.*)$/s;
const keyPattern = /^[A-Z][A-Z0-9_]{0,63}$/;
/** A `.env` has a hundred lines; a file of another kind, read to its end, would give a mistake for each of its own. */
const mostLines = 2000;
const longestLine = 4096;
/** `export`, blanks and the longest name. */
const longestKey = 100;
const expectedLine = 'KEY=value, a comment or an empty line';

/** All entries and all mistakes; never throws. A key with a mistake has no entry. */
export function parseEnvFile(text: string, fileName: string): ParsedEnvFile {
  const entries: EnvEntry[] = [];
  const mistakes: Mistake[] = [];
  const seen = new Map<string, number>();
  // Editors on Windows write a byte order mark and CRLF; neither can be mistaken for anything else.
  const lines = text.replace(/^\ufeff/, '').split('\n', mostLines + 1);
  if (lines.length > mostLines) {
    const problem = `more than ${mostLines} lines`;
    return { entries, mistakes: [{ file: fileName, problem, expected: 'a .env, with a line or two for each key' }] };
  }
  for (const [i, raw] of lines.entries()) {
    const line = i + 1;
    const read = readLine(raw.replace(/\r$/, ''));
    if (read === undefined) continue;
    const first = read.key === undefined ? undefined : seen.get(read.key);
    if (read.key !== undefined && first === undefined) seen.set(read.key, line);
    if (first !== undefined) mistakes.push({ file: fileName, line, ...describeDuplicate(read, first) });
    else if ('problem' in read) mistakes.push({ file: fileName, line, ...read });
    else entries.push({ ...read, line });
  }
  const broken = new Set(mistakes.map(({ key }) => key));
  return { entries: entries.filter(({ key }) => !broken.has(key)), mistakes };
}

type LineMistake = Omit<Mistake, 'file' | 'line'>;
type Line = { key: string; value: string } | LineMistake;

function readLine(text: string): Line | undefined {
  if (text.length > longestLine) {
    const [, , name] = assignment.exec(text.slice(0, longestKey)) ?? [];
    const key = nameOf(name);
    const value = key && printValue(key, text.slice(text.indexOf('=') + 1));
    return { key, value, problem: `a line of more than ${longestLine} characters`, expected: expectedLine };
  }
  const trimmed = trimBlanks(text);
  const hidden = findForbiddenCharacter(text.replaceAll('\t', ' '));
  if (trimmed === '' || (trimmed.startsWith('#') && !hidden)) return undefined;
  const match = assignment.exec(trimmed);
  if (hidden) return describeHidden(match, hidden);
  if (!match) return describeNoAssignment(trimmed);
  const [, , key, rest] = match as unknown as [string, string | undefined, string, string];
  if (!keyPattern.test(key)) return describeBadKey(key);
  const value = readEnvValue(rest);
  if (!(value instanceof Unreadable)) return { key, value };
  return { key, value: printValue(key, rest), problem: value.problem, expected: value.expected, hint: value.hint };
}

function nameOf(text: string | undefined): string | undefined {
  return text !== undefined && keyPattern.test(text) ? text : undefined;
}

function describeHidden(
  match: RegExpExecArray | null,
  { name, column }: { name: string; column: number },
): LineMistake {
  const key = nameOf(match?.[2]);
  return {
    key,
    value: key && printValue(key, match![3]!),
    problem: `a character that cannot be seen or is not UTF-8, ${name}, in column ${column}`,
    expected: 'printable characters',
    hint: name === 'U+000D' ? 'line ends are LF or CRLF' : undefined,
  };
}

/** The line may be the second half of a secret, so only its first word is shown, and only when it is near a key. */
function describeNoAssignment(trimmed: string): LineMistake {
  const word = trimmed.replace(/^export[ \t]+/, '').split(/[ \t:]/)[0]!;
  const key = findKey(word) || findNearestName(word) ? word : undefined;
  return { key, problem: 'no = in this line', expected: expectedLine };
}

/** A line of a key or token in base64 may end with =, so what is like no name at all is not shown. */
function isNearName(text: string): boolean {
  if (/^[a-z_]{1,24}$/.test(text)) return true;
  const name = text.toUpperCase().replace(/[^A-Z0-9]+/g, '_');
  return findKey(name) !== undefined || findNearestName(name) !== undefined;
}

function describeBadKey(key: string): LineMistake {
  const trimmed = trimBlanks(key);
  const shown = isNearName(trimmed) ? `"${makeVisible(trimmed, 40)}"` : 'what stands before the =';
  const problem = trimmed === '' ? 'no name before the =' : `${shown} is no name of a key`;
  if (trimmed !== key && keyPattern.test(trimmed)) {
    return { key: trimmed, problem: 'a blank before the =', expected: 'KEY=value without blanks around the =' };
  }
  const upper = trimmed.toUpperCase();
  const hint = upper !== trimmed && keyPattern.test(upper) ? `write ${upper}` : undefined;
  return { problem, expected: 'a name of A-Z, 0-9 and _, beginning with a letter', hint };
}

function describeDuplicate(read: Line, first: number): LineMistake {
  const value = 'problem' in read ? read.value : printValue(read.key, read.value);
  return {
    key: read.key,
    value,
    problem: `set a second time; it is already set in line ${first}`,
    expected: 'each key once',
    hint: 'readers of .env disagree which of two wins',
  };
}
