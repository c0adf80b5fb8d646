/**
 * Characters that no key or value may hold: they end strings in C (NUL), end lines in some readers (CR, U+2028), or make a
 * person see something else than what a program reads (bidirectional overrides, zero-width characters).
 */
const forbidden =
  /[\u0000-\u001f\u007f-\u009f\u00ad\u061c\u180e\u200b-\u200f\u2028-\u202e\u2060-\u206f\ufeff\ufff9-\ufffb\ufffd]|[\u{e0000}-\u{e007f}]|[\ud800-\udbff](?![\udc00-\udfff])|(?<![\ud800-\udbff])[\udc00-\udfff]/u;

const forbiddenEverywhere = new RegExp(forbidden.source, 'gu');

export interface ForbiddenCharacter {
  /** `U+0000`. */
  name: string;
  /** 1-based, in UTF-16 units. */
  column: number;
}

export function findForbiddenCharacter(text: string): ForbiddenCharacter | undefined {
  const found = forbidden.exec(text);
  return found ? { name: nameCharacter(found[0]), column: found.index + 1 } : undefined;
}

export function nameCharacter(character: string): string {
  return `U+${character.codePointAt(0)!.toString(16).toUpperCase().padStart(4, '0')}`;
}

/** Makes any text safe to print on a terminal, and short. */
export function makeVisible(text: string, longest = 60): string {
  const cut = text.length > longest ? `${text.slice(0, longest)}…` : text;
  return cut.replace(forbiddenEverywhere, (c) => `<${nameCharacter(c)}>`);
}
