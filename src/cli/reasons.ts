import { CliFailure } from './failure';

/** Words of a person that are kept with an operation. */
export const reasonOption = ['--reason <text>', 'why; kept with the operation and shown to others'] as const;

const longest = 300;

/** @throws {CliFailure} USAGE */
export function parseReason(text: string | undefined): string | undefined {
  if (text === undefined) return undefined;
  const words = text.trim();
  if (words !== '' && words.length <= longest && !/[\u0000-\u001f\u007f-\u009f]/.test(words)) return words;
  const shown = words.length > 40 ? `${words.slice(0, 40)}…` : words;
  throw new CliFailure('USAGE', `--reason ${shown}: expected one line of 1 to ${longest} characters`);
}
