import { inspect } from 'node:util';
import { redacted } from '../text/redaction';

/** A value that prints `[redacted]` wherever it is put: template strings, JSON, console, logs. Only `reveal` gives it away. */
export class Secret {
  readonly #value: string;

  constructor(value: string) {
    this.#value = value;
  }

  reveal(): string {
    return this.#value;
  }

  toString(): string {
    return redacted;
  }

  toJSON(): string {
    return redacted;
  }

  [inspect.custom](): string {
    return redacted;
  }
}
