import type { Poller } from './pollers';

export interface PollerView {
  /** Milliseconds since the epoch. */
  now: number;
  /** Of this krakenctl: a worker of another is marked. */
  version: string;
}

/** One line a worker, so that two of them are told apart: where it runs, which process, which version, when it was seen. */
export function renderPollers(pollers: Poller[], { now, version }: PollerView): string[] {
  const sorted = [...pollers].sort((a, b) => (a.identity < b.identity ? -1 : 1));
  const count = pollers.length === 1 ? '1 worker polls' : `${pollers.length} workers poll`;
  const width = Math.max(...sorted.map((p) => placeOf(p).length), 0);
  const lines = sorted.map((poller) => {
    const ago = Math.max(0, Math.round((now - poller.lastSeen) / 1000));
    const other = poller.version === version ? '' : ' ! another version than this';
    const task = poller.takesNew ? other : ' · ends what is older';
    return ` ${placeOf(poller).padEnd(width)}  ${poller.version ?? 'version unknown'}  seen ${ago} s ago${task}`;
  });
  return pollers.length === 0 ? [] : [count, ...lines];
}

function placeOf({ host, pid, identity }: Poller): string {
  return host === undefined ? identity : `${host} pid ${pid}`;
}
