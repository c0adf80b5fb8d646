import type { Command } from 'commander';
import type { Interrupts } from './interrupts';
import type { LogFormat } from './log-line';
import { type Format, Output, type Streams } from './output';

/** What every command has: where to write, what the person set for all of them. */
export interface Context extends Interrupts {
  output: Output;
  globals: GlobalOptions;
  environment: NodeJS.ProcessEnv;
}

export interface GlobalOptions {
  output?: Format;
  json?: boolean;
  envFile?: string;
  verbose?: boolean;
  quiet?: boolean;
  color?: 'auto' | 'always' | 'never' | boolean;
  logFormat?: LogFormat;
  yes?: boolean;
}

/** Ends with an exit code of its own, or 0. */
export type Handler<O> = (context: Context, options: O, args: string[]) => Promise<number | undefined> | Promise<void>;

/** Puts a handler behind a commander action. */
export type Wire = <O>(handler: Handler<O>) => (...actionArgs: unknown[]) => Promise<void>;

export function globalOptionsOf(command: Command): GlobalOptions {
  return command.optsWithGlobals<GlobalOptions>();
}

export function formatOf({ output, json }: GlobalOptions): Format {
  return json ? 'json' : (output ?? 'text');
}

/** Before anything was parsed, and after a parse that failed: the envelope must be right all the same. */
export function guessGlobals(argv: string[]): GlobalOptions {
  const end = argv.indexOf('--');
  const words = end < 0 ? argv : argv.slice(0, end);
  const globals: GlobalOptions = {};
  for (const [i, word] of words.entries()) {
    const [, attached] = /^(?:--output=|-o=?)(.+)$/.exec(word) ?? [];
    const value = attached ?? (word === '-o' || word === '--output' ? words[i + 1] : undefined);
    if (word === '--json') globals.json = true;
    if (value === 'json' || value === 'jsonl') globals.output = value;
    if (word === '--log-format=json' || (word === '--log-format' && words[i + 1] === 'json'))
      globals.logFormat = 'json';
    if (word === '-v' || word === '--verbose') globals.verbose = true;
    if (word === '--no-color') globals.color = false;
  }
  return globals;
}

export function makeOutput(streams: Streams, globals: GlobalOptions): Output {
  const { color, verbose, quiet, logFormat } = globals;
  const wanted = color === false ? 'never' : color === true ? 'always' : color;
  return new Output(streams, { format: formatOf(globals), color: wanted, verbose, quiet, logFormat });
}
