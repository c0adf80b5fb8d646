import { type ChildProcess, spawn } from 'node:child_process';

/** Programs of this machine, started with argv arrays and never through a shell. */

export interface RunOptions {
  /** Written to the program's standard input. */
  input?: string | Buffer;
  /** After this many milliseconds the program is killed and the run fails; no limit when absent. */
  timeoutMs?: number;
  env?: NodeJS.ProcessEnv;
  cwd?: string;
  /** Called with each whole line of either stream, as it comes. */
  onLine?: (line: string) => void;
}

export interface RunResult {
  /** Exit code; undefined when a signal ended it or it could not be started. */
  code: number | undefined;
  stdout: string;
  stderr: string;
  timedOut: boolean;
}

/** A program that could not be started, was ended by a signal or a deadline, or exited with something else than 0. */
export class CommandError extends Error {
  constructor(
    readonly argv: string[],
    readonly result: RunResult,
  ) {
    const how = result.timedOut ? 'did not end in time' : `exited with ${result.code ?? 'a signal'}`;
    super(`${argv.slice(0, 6).join(' ')} ${how}: ${lastLines(result.stderr || result.stdout, 6)}`);
    this.name = 'CommandError';
  }
}

/** Runs to the end and reports, whatever the end was. Never rejects. */
export function tryRun(argv: string[], options: RunOptions = {}): Promise<RunResult> {
  return new Promise((resolve) => {
    const [program = '', ...args] = argv;
    const child = spawn(program, args, { stdio: ['pipe', 'pipe', 'pipe'], env: options.env, cwd: options.cwd });
    const result: RunResult = { code: undefined, stdout: '', stderr: '', timedOut: false };
    const timer = options.timeoutMs
      ? setTimeout(() => {
          result.timedOut = true;
          child.kill('SIGKILL');
        }, options.timeoutMs)
      : undefined;
    collect(child, result, options.onLine);
    child.on('error', (error) => {
      result.stderr += error.message;
    });
    child.on('close', (code) => {
      clearTimeout(timer);
      result.code = code ?? undefined;
      resolve(result);
    });
    // A program that ends without reading its input closes the pipe; its exit code tells what happened.
    child.stdin?.on('error', () => undefined);
    child.stdin?.end(options.input);
  });
}

/** Runs to the end; resolves with standard output, without its last line break. @throws {CommandError} */
export async function run(argv: string[], options: RunOptions = {}): Promise<string> {
  const result = await tryRun(argv, options);
  if (result.code !== 0) throw new CommandError(argv, result);
  return result.stdout.replace(/\n$/, '');
}

/**
 * Streams one program's output into the input of several others, at the pace of the slowest.
 * @throws {CommandError} of the first program that failed.
 */
export async function pipe(from: string[], into: string[][]): Promise<void> {
  const source = start(from);
  const sinks = into.map((argv) => start(argv));
  let reading = sinks.length;
  // One listener a sink and kind is meant.
  source.child.stdout?.setMaxListeners(sinks.length + 10);
  for (const sink of sinks) {
    if (sink.child.stdin) source.child.stdout?.pipe(sink.child.stdin);
    // A sink that dies would stop all others, since a pipe waits for its slowest reader; without any, nothing would end it.
    sink.child.on('close', () => {
      source.child.stdout?.unpipe(sink.child.stdin ?? undefined);
      reading -= 1;
      if (reading === 0) source.child.kill();
    });
  }
  // Sinks first: a source that was ended for want of readers is not the cause.
  const results = await Promise.all([...sinks, source].map(({ done }) => done));
  const failed = results.findIndex((result) => result.code !== 0);
  const result = results[failed];
  if (result) throw new CommandError([...into, from][failed] ?? from, result);
}

function start(argv: string[]): { child: ChildProcess; done: Promise<RunResult> } {
  const [program = '', ...args] = argv;
  const child = spawn(program, args, { stdio: ['pipe', 'pipe', 'pipe'] });
  const result: RunResult = { code: undefined, stdout: '', stderr: '', timedOut: false };
  child.stdin?.on('error', () => undefined);
  child.stderr?.on('data', (data) => {
    result.stderr = lastLines(result.stderr + data, 20);
  });
  const done = new Promise<RunResult>((resolve) => {
    child.on('error', (error) => {
      result.stderr += error.message;
    });
    child.on('close', (code) => resolve({ ...result, code: code ?? undefined }));
  });
  return { child, done };
}

function collect(child: ChildProcess, result: RunResult, onLine?: (line: string) => void): void {
  for (const stream of ['stdout', 'stderr'] as const) {
    let rest = '';
    child[stream]?.setEncoding('utf8').on('data', (text: string) => {
      result[stream] += text;
      if (!onLine) return;
      const lines = (rest + text).split('\n');
      rest = lines.pop() ?? '';
      for (const line of lines) if (line.trim()) onLine(line);
    });
  }
}

export function lastLines(text: string, count: number): string {
  return text.trimEnd().split('\n').slice(-count).join('\n');
}
