/** The right side of one line of `.env`. */

/** Why a text after the `=` is refused. */
export class Unreadable {
  constructor(
    readonly problem: string,
    readonly expected: string,
    readonly hint?: string,
  ) {}
}

const inSingleQuotes = "put it in single quotes, 'like this', if it is meant as text";

/** `rest` is trimmed at its end and holds no control characters but tabs. */
export function readEnvValue(rest: string): string | Unreadable {
  if (/^[ \t]/.test(rest)) return readAfterBlank(rest);
  if (rest.startsWith("'")) return readSingleQuoted(rest);
  if (rest.startsWith('"')) return readDoubleQuoted(rest);
  return readUnquoted(rest);
}

/** `KEY= # comment` is an empty value; with anything else a shell would run it as a command with an empty KEY. */
function readAfterBlank(rest: string): string | Unreadable {
  if (cutComment(rest) === '') return '';
  return new Unreadable('a blank after the =', 'KEY=value without blanks around the =');
}

function readSingleQuoted(rest: string): string | Unreadable {
  const end = rest.indexOf("'", 1);
  if (end < 0) return new Unreadable('an open quote', "a closing ' in the same line");
  return endQuoted(rest.slice(1, end), rest.slice(end + 1));
}

function readDoubleQuoted(rest: string): string | Unreadable {
  let value = '';
  for (let i = 1; i < rest.length; i++) {
    const character = rest[i]!;
    if (character === '"') return endQuoted(value, rest.slice(i + 1));
    if (character === '$' || character === '`') return refuseExpansion(rest);
    if (character !== '\\') {
      value += character;
      continue;
    }
    const next = rest[++i];
    if (next === undefined) break;
    if (!'"\\$`'.includes(next)) {
      return new Unreadable(
        `\\${next} in double quotes`,
        'only \\" \\\\ \\$ and \\` after a backslash',
        inSingleQuotes,
      );
    }
    value += next;
  }
  return new Unreadable('an open quote', 'a closing " in the same line');
}

function endQuoted(value: string, after: string): string | Unreadable {
  if (value.includes('\t')) return new Unreadable('a tab in the value', 'printable characters');
  if (cutComment(after) === '') return value;
  return new Unreadable('text after the closing quote', 'nothing, or a blank and a # comment, after the closing quote');
}

/** With `export`, shells match file names and expand braces too; a tilde anywhere but in `~/` names another user's home. */
const shellCharacter = /[\\;&|<>()*?[\]{}]|^~(?!\/)|:~/;

function readUnquoted(rest: string): string | Unreadable {
  const value = cutComment(rest);
  if (/[$`]/.test(value)) return refuseExpansion(value);
  if (/["']/.test(value)) return new Unreadable('a quote inside the value', 'quotes around the whole value or none');
  const special = shellCharacter.exec(value);
  if (special) {
    return new Unreadable(
      `${special[0]} without quotes means something to a shell`,
      'a plain or quoted value',
      inSingleQuotes,
    );
  }
  // Some readers begin a comment at any #, others only after a blank.
  if (value.includes('#')) {
    return new Unreadable(
      'a # that some readers take for a comment',
      'a plain or quoted value',
      'put the value in quotes',
    );
  }
  if (/[ \t]/.test(value))
    return new Unreadable('a blank in a value without quotes', 'quotes around a value with blanks');
  return value;
}

/** Everything before a `#` that follows a blank, without the blanks. */
function cutComment(text: string): string {
  for (let i = text.indexOf('#'); i >= 0; i = text.indexOf('#', i + 1)) {
    if (isBlank(text[i - 1])) return trimBlanks(text.slice(0, i));
  }
  return text;
}

/** Blanks and tabs only, as a shell does. A regular expression takes quadratic time over a line full of blanks. */
export function trimBlanks(text: string): string {
  let start = 0;
  let end = text.length;
  while (start < end && isBlank(text[start])) start++;
  while (end > start && isBlank(text[end - 1])) end--;
  return text.slice(start, end);
}

function isBlank(character: string | undefined): boolean {
  return character === ' ' || character === '\t';
}

function refuseExpansion(text: string): Unreadable {
  const runs = /\$\(|`/.test(text);
  const problem = runs
    ? 'a command that a shell would run; krakenctl runs nothing in a .env'
    : 'a $ that a shell would replace; krakenctl replaces nothing in a .env';
  return new Unreadable(problem, 'a plain value', inSingleQuotes);
}

/** Writes a value so that {@link readEnvValue} and a shell read it back as it is. */
export function writeEnvValue(value: string): string {
  if (/^(~\/)?[A-Za-z0-9._:/@%+,=^-]+$/.test(value)) return value;
  if (/^[A-Za-z0-9 ._:/@%+,=^*?-]*$/.test(value)) return `"${value}"`;
  if (!value.includes("'")) return `'${value}'`;
  return `"${value.replace(/["\\$`]/g, '\\$&')}"`;
}
