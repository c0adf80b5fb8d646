import { CliFailure } from './failure';

export interface WholeNumber {
  /** As typed: `--port`. */
  option: string;
  min: number;
  max?: number;
  /** What is expected; default: a whole number. */
  expected?: string;
}

/**
 * Plain decimal digits. `Number` alone takes an empty text and blanks, which an unset variable gives, for 0.
 * @throws {CliFailure} USAGE
 */
export function parseWholeNumber(text: string, { option, min, max, expected = 'a whole number' }: WholeNumber): number {
  const value = /^(0|[1-9]\d{0,8})$/.test(text) ? Number(text) : Number.NaN;
  if (value >= min && value <= (max ?? Number.MAX_SAFE_INTEGER)) return value;
  throw new CliFailure('USAGE', `${option} ${text}: expected ${expected}`);
}
