import { makeVisible } from '../text/characters';

/** The colour codes that krakenctl itself writes: bold, dim, red, green, yellow, cyan, and what ends them. */
const ownColors = /(\u001b\[(?:1|2|22|31|32|33|36|39)m)/;

/**
 * A text that may hold what hosts, images or a `.env` say, for a terminal: escape sequences, carriage returns, bidirectional overrides and
 * the like are shown as `<U+001B>`, since a terminal would obey them. Line ends and tabs stay, and krakenctl's own colours where `colored`.
 */
export function showOnTerminal(text: string, { colored }: { colored: boolean }): string {
  if (!colored) return showForeign(text);
  const parts = text.split(ownColors);
  const shown = parts.map((part, i) => (i % 2 === 1 ? part : showForeign(part))).join('');
  // A foreign text may have begun a colour; it ends with its line.
  return isClosed(parts) ? shown : `${shown}\u001b[22m\u001b[39m`;
}

/** Krakenctl's own colours taken away, as for a log that a program reads. */
export function withoutColors(text: string): string {
  return text
    .split(ownColors)
    .filter((_, i) => i % 2 === 0)
    .join('');
}

/** For a text that is foreign as a whole, so that not even a colour in it is krakenctl's. */
export function showForeign(text: string): string {
  const lines = text.replace(/\r+(?=\n|$)/g, '');
  return lines.replace(/[^\n\t]+/g, (run) => makeVisible(run, Number.POSITIVE_INFINITY));
}

/** JSON escapes what is below U+0020 by itself; the others would still be obeyed where an envelope is read on a terminal. */
export function escapeJson(json: string): string {
  return json.replace(
    /[\u007f-\u009f\u00ad\u061c\u180e\u200b-\u200f\u2028-\u202e\u2060-\u206f\ufeff\ufff9-\ufffb]/g,
    (c) => {
      return `\\u${c.charCodeAt(0).toString(16).padStart(4, '0')}`;
    },
  );
}

function isClosed(parts: string[]): boolean {
  const open = { weight: false, color: false };
  for (const code of parts.filter((_, i) => i % 2 === 1)) {
    if (/\[3/.test(code)) open.color = !code.endsWith('[39m');
    else open.weight = !code.endsWith('[22m');
  }
  return !open.weight && !open.color;
}
