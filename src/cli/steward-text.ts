import type { Colors } from './output';
import type { StewardTurn, StewardView } from './steward';
import { showDuration } from './time-text';

/** What a person is told of the certificate steward. */
export function renderSteward(view: StewardView, colors: Colors): string[] {
  if (view.state === 'missing') {
    return [
      ` ${colors.yellow('!')} steward  there is none: certificates are not made anew by themselves; krakenctl deploy makes it`,
    ];
  }
  const { note, everyMs, last, next } = view;
  const head =
    view.state === 'paused'
      ? ` ${colors.yellow('!')} steward  paused${note ? ` by ${note}` : ''}; krakenctl tls schedule resume`
      : ` steward  every ${showDuration(everyMs)}${next ? ` · next ${showTime(next)}` : ''}`;
  return [head, `          ${last ? `last ${describeTurn(last)}` : 'its first turn is still to come'}`];
}

function describeTurn(turn: StewardTurn): string {
  const at = showTime(turn.at);
  switch (turn.state) {
    case 'done':
      return `${at}: ${turn.report.text}`;
    case 'running':
      return `${at}: under way`;
    case 'unknown':
      return `${at}: what came of it is not kept any more`;
    case 'failed':
      return `${at}: failed: ${turn.why}`;
  }
}

/** As ends of certificates are shown. */
function showTime(iso: string): string {
  return `${iso.slice(0, 16)}Z`;
}
