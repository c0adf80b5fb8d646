import { appendFileSync } from 'node:fs';

/** Lines for standard output, in the manner of Kraken's console encoding: time, level, message. */
export function say(level: 'INFO' | 'WARN' | 'ERROR' | 'FATAL', message: string): void {
  writeLine('/dev/stdout', `${new Date().toISOString()}\t${level}\t${message}`);
}

/** What Kraken calls a fatal: one line, exit code 1. */
export function fatal(message: string): never {
  say('FATAL', message);
  process.exit(1);
}

/** What ends a Go program that panics: no log line, exit code 2. */
export function panic(message: string): never {
  process.stderr.write(`panic: ${message}\n`);
  process.exit(2);
}

/** Written at once, so that the last words of a part that ends are not lost. */
export function writeLine(path: string, line: string): void {
  if (path === '/dev/null') return;
  if (path === '/dev/stdout') process.stdout.write(`${line}\n`);
  else if (path === '/dev/stderr') process.stderr.write(`${line}\n`);
  else appendFileSync(path, `${line}\n`);
}
