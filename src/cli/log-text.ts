import { CliFailure } from './failure';
import type { PartLog } from './log-reading';
import type { Output } from './output';
import { showForeign } from './terminal-text';

/** Lines that were read, then what could not be. @throws {CliFailure} where one could not. */
export function showLogs(output: Output, found: PartLog[]): void {
  output.result(toData(found));
  for (const { host, part, lines } of found) {
    const prefix = found.length > 1 ? `${host}/${part} | ` : '';
    for (const line of lines) output.line(`${prefix}${showForeign(line)}`);
  }
  requireAll(found);
}

function toData(found: PartLog[]): unknown {
  return found.map(({ failure, ...log }) => (failure ? { ...log, error: failure.message } : log));
}

/** @throws {CliFailure} as the first of those that could not be read. */
export function requireAll(found: PartLog[]): void {
  const unread = found.flatMap(({ host, part, failure }) => (failure ? [{ host, part, failure }] : []));
  const [first] = unread;
  if (!first) return;
  const { code, hint = 'krakenctl status', retryable } = first.failure;
  const hosts = new Set(unread.map(({ host }) => host));
  const count = found.length > 1 ? [`${unread.length} of ${found.length} logs could not be read`] : [];
  throw new CliFailure(code, [...count, ...describeUnread(unread, found)].join('\n'), {
    host: hosts.size === 1 ? first.host : undefined,
    hint,
    retryable,
    cause: first.failure,
  });
}

type Unread = Pick<PartLog, 'host' | 'part'> & { failure: CliFailure };

/** What keeps all parts of a host from being read is said once. */
function describeUnread(unread: Unread[], found: PartLog[]): string[] {
  const lines = unread.map(({ host, part, failure }) => {
    const asked = found.filter((log) => log.host === host);
    const isWhole = asked.every((log) => log.failure?.message === failure.message);
    const where = isWhole ? host : `${host}/${part}`;
    return `${where}: ${failure.message.replace(`${host}: `, '')}`;
  });
  return [...new Set(lines)];
}
