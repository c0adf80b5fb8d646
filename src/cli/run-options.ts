import { type Command, Option } from 'commander';
import { CliFailure } from './failure';
import { parseDuration } from './time-text';

/** How an operation is started and followed; the same for all of them. */
export interface RunOptions {
  detach?: boolean;
  waitLock?: string | boolean;
  /** Milliseconds after which the following lets go. */
  timeout?: number;
}

const longestTimeoutMs = 168 * 3_600_000;

export function addRunOptions(command: Command, holder = 'another operation'): Command {
  return command
    .option('--detach', 'start it and return its id')
    .addOption(timeoutOption().conflicts('detach'))
    .option('--wait-lock [duration]', `when ${holder} runs, wait for its end (60s, 5m)`);
}

export function timeoutOption(): Option {
  const about = 'follow it for so long (90s, 30m), then let go of it (exit 130); it goes on';
  return new Option('--timeout <duration>', about).argParser(parseTimeout);
}

function parseTimeout(text: string): number {
  const ms = parseDuration(text);
  if (ms !== undefined && ms > 0 && ms <= longestTimeoutMs) return ms;
  throw new CliFailure('USAGE', `--timeout ${text}: expected a time such as 90s, 30m or 2h, at most 168h`);
}
