import type { Stage } from './stage';

/** One line of the contract: what is relied upon, and how to see it. */
export interface Rule {
  title: string;
  /** @throws when it is not so. */
  check(stage: Stage): Promise<void>;
}

export function expect(condition: boolean, otherwise: string): void {
  if (!condition) throw new Error(otherwise);
}

export function expectEqual(actual: unknown, expected: unknown, what: string): void {
  const [is, should] = [JSON.stringify(actual), JSON.stringify(expected)];
  expect(is === should, `${what}: ${is} instead of ${should}`);
}
