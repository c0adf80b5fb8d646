/** What is wrong with a configuration, so that a person can mend it without reading source code. */

export interface Mistake {
  /** `.env` as it was named, `environment` or `flag`; for what is missing, the file where it belongs. */
  file: string;
  /** 1-based; absent for what has no line. */
  line?: number;
  key?: string;
  /** As written, cut, with control characters made visible; `[redacted]` for secrets. */
  value?: string;
  /** What is wrong. */
  problem: string;
  /** What would be right. */
  expected: string;
  /** The next thing to do. */
  hint?: string;
}

/** Something that works and that a person should know of. */
export interface Warning {
  key: string;
  message: string;
}

/** More lines than these help nobody; a binary file would otherwise scroll everything else away. */
const shownMistakes = 100;

/** Lines in the manner of `check`: place, what was written, what is wrong; then what was expected. */
export function formatMistakes(mistakes: Mistake[]): string[] {
  const shown = mistakes.slice(0, shownMistakes);
  const places = shown.map(formatPlace);
  const writings = shown.map(formatWriting);
  const placeWidth = Math.max(0, ...places.map((p) => p.length));
  const writingWidth = Math.min(40, Math.max(0, ...writings.map((w) => w.length)));
  const lines = shown.map(({ problem, expected, hint }, i) => {
    const head = `${places[i]!.padEnd(placeWidth)}  ${writings[i]!.padEnd(writingWidth)}  ${problem}`;
    return `${head}; expected ${expected}${hint ? ` (${hint})` : ''}`;
  });
  const rest = mistakes.length - shown.length;
  return rest > 0 ? [...lines, `… and ${rest} more`] : lines;
}

function formatPlace({ file, line }: Mistake): string {
  return line === undefined ? file : `${file}:${line}`;
}

function formatWriting({ key, value }: Mistake): string {
  if (key === undefined) return value ?? '';
  return value === undefined ? key : `${key}=${value}`;
}
