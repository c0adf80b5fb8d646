import type { TlsEndpoint, TlsInspection } from '../contracts/tls';
import type { Colors } from './output';
import { showBrief } from './time-text';

export interface TlsView {
  cluster: string;
  colors: Colors;
  nowMs: number;
}

const dayMs = 86_400_000;

/** What is not as it should be; undefined where all is well. */
export function troubleOf({ shows, expected }: TlsEndpoint, nowMs: number): string | undefined {
  if (shows === 'plain') return 'speaks no TLS';
  if (shows === 'nothing') return 'does not answer';
  if (Date.parse(shows.until) <= nowMs) return 'has ended';
  if (!shows.isBelieved) return 'is not believed';
  if (expected !== undefined && shows.serial !== expected) return `is another than the recorded one (${cut(expected)})`;
  return undefined;
}

export function renderTlsStatus(look: TlsInspection, view: TlsView): string[] {
  const { colors, cluster } = view;
  const head = `${colors.bold(cluster)}  TLS ${look.stage} · seen in ${showBrief(look.tookMs)}`;
  const unseen = look.unseen.map(({ host, error }) => ` ${host}  ${colors.red('? not seen')}  ${error}`);
  if (look.stage === 'off') return [head, ...unseen];
  const width = Math.max(0, ...look.endpoints.map(({ part }) => part.length));
  const lines = look.endpoints.map((endpoint) => {
    const { host, part, port, shows } = endpoint;
    const trouble = troubleOf(endpoint, view.nowMs);
    const certificate =
      typeof shows === 'string'
        ? ''
        : `${cut(shows.serial)}  until ${shows.until.slice(0, 16)}Z (${left(shows.until, view.nowMs)})  ${shows.names}`;
    const mark = trouble ? `${colors.red('✘')} ${trouble}  ` : '';
    return ` ${host}  ${part.padEnd(width)}  ${String(port).padStart(5)}  ${mark}${certificate}`.trimEnd();
  });
  const wrong = look.endpoints.filter((endpoint) => troubleOf(endpoint, view.nowMs)).length;
  const verdict =
    wrong === 0
      ? colors.green(`${look.endpoints.length} ports show what is recorded`)
      : colors.red(`${wrong} of ${look.endpoints.length} ports do not show what is recorded`);
  return [head, ...unseen, ...lines, ` ${verdict}`];
}

/** Enough of a serial to tell two apart. */
function cut(serial: string): string {
  return serial.slice(0, 12);
}

function left(until: string, nowMs: number): string {
  const ms = Date.parse(until) - nowMs;
  if (ms <= 0) return 'over';
  return ms >= 2 * dayMs ? `${Math.floor(ms / dayMs)} days` : `${Math.max(1, Math.floor(ms / 60_000))} minutes`;
}
