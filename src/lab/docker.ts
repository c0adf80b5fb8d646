import { CommandError, type RunOptions, type RunResult, run, tryRun } from './commands';

/** The Docker CLI of this machine. Which binary it is gets settled once, by {@link useDocker}. */
let program = 'docker';

export function useDocker(path: string): void {
  program = path;
}

export function dockerArgv(args: string[]): string[] {
  return [program, ...args];
}

/** Standard output without its last line break. @throws {CommandError} */
export function docker(args: string[], options: RunOptions = {}): Promise<string> {
  return run(dockerArgv(args), options);
}

export function tryDocker(args: string[], options: RunOptions = {}): Promise<RunResult> {
  return tryRun(dockerArgv(args), options);
}

/** Output as lines, none for empty output. */
export async function dockerLines(args: string[]): Promise<string[]> {
  return (await docker(args)).split('\n').filter((line) => line !== '');
}

/** Removes things of one kind; what is already gone is a success. */
export async function dockerRemove(args: string[], ids: string[]): Promise<void> {
  if (ids.length === 0) return;
  const result = await tryDocker([...args, ...ids]);
  const serious = result.stderr
    .split('\n')
    .filter((line) => line !== '' && !/no such|not found|already in progress|^exit status \d+$/i.test(line));
  if (result.code !== 0 && serious.length > 0) throw new CommandError(dockerArgv([...args, ...ids]), result);
}
