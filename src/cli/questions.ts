import { createInterface, type Interface } from 'node:readline/promises';
import type { Context } from './context';
import { CliFailure } from './failure';

/** Questions to a person; never asked where nobody can answer. */
export interface Question {
  text: string;
  /** Taken when nothing is typed. */
  fallback?: string;
  /** What is wrong with an answer; undefined when nothing is. */
  check?: (answer: string) => string | undefined;
}

export async function ask(questions: Interface, { text, fallback, check }: Question): Promise<string> {
  const shown = fallback === undefined ? `${text}: ` : `${text} [${fallback}]: `;
  for (;;) {
    const answer = (await questions.question(shown)).trim() || (fallback ?? '');
    const wrong = answer === '' ? 'an answer is needed' : check?.(answer);
    if (wrong === undefined) return answer;
    process.stderr.write(`  ${wrong}\n`);
  }
}

/** On standard error: standard output may be going into a file. */
export async function askAll<T>(work: (questions: Interface) => Promise<T>): Promise<T> {
  const questions = createInterface({ input: process.stdin, output: process.stderr });
  // Ctrl-D and Ctrl-C in the middle of a question would otherwise leave its promise open for ever.
  const closed = new Promise<never>((_, reject) => {
    questions.once('close', () => reject(new CliFailure('CANCELLED', 'nothing was answered, nothing was done')));
  });
  closed.catch(() => undefined);
  try {
    return await Promise.race([work(questions), closed]);
  } finally {
    questions.close();
  }
}

export function canAsk({ output, globals }: Context): boolean {
  return output.streams.interactive && output.isText && !globals.yes && !output.streams.environment.CI;
}

/** Nothing is typed: no. */
export async function confirmDoubtful(text: string): Promise<boolean> {
  const answer = await askAll((questions) => questions.question(`${text} [y/N] `));
  return /^(y|yes)$/i.test(answer.trim());
}

export async function confirm(text: string): Promise<boolean> {
  const answer = await askAll((questions) => questions.question(`${text} [Y/n] `));
  return /^(y|yes|)$/i.test(answer.trim());
}
