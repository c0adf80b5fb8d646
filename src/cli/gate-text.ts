import type { GateBeat } from '../contracts/gate-beat';
import type { OperationProgress } from '../contracts/operation';
import { makeVisible } from '../text/characters';

/** A clause stands behind a gate's name on one line of a terminal. */
const longestClause = 100;

/** `gate quiet: node-1 has no request …` → `gate quiet: node-1: 2 requests, 1 upload under way`; a gate that has said nothing stands as it is. */
export function withGates(progress: OperationProgress, heartbeats: object[]): OperationProgress {
  const beats = heartbeats.filter(isGateBeat);
  const label = (now: string) => {
    const told = beats.map((beat) => ({ ...namesOf(beat), clause: clauseOf(beat) }));
    const own = told.find(({ label, clause }) => clause !== '' && isOf(now, label));
    return own ? `${own.shown ?? now}: ${oneLine(own.clause)}` : now;
  };
  return { ...progress, stages: progress.stages.map((stage) => ({ ...stage, now: stage.now.map(label) })) };
}

/** A title goes on behind the host, and `node-1` is not `node-10`. */
function isOf(now: string, label: string): boolean {
  return now === label || now.startsWith(`${label} `);
}

/** Which line of an operation is meant, and what is shown of it; the line as it is where nothing is said. */
function namesOf(beat: GateBeat): { label: string; shown?: string } {
  switch (beat.gate) {
    case 'ready':
      return { label: `gate ready: ${beat.host} ${beat.part}` };
    case 'redis-whole':
      return { label: 'gate redis-whole' };
    case 'steady':
      return { label: 'gate steady:' };
    case 'canary':
      return { label: `gate canary: an image through the parts of ${beat.host}`, shown: `gate canary: ${beat.host}` };
    case 'installed':
      return { label: 'gate installed:', shown: 'gate installed' };
    default:
      return { label: `gate ${beat.gate}: ${beat.host}`, shown: `gate ${beat.gate}: ${beat.host}` };
  }
}

function clauseOf(beat: GateBeat): string {
  switch (beat.gate) {
    case 'ready':
      return beat.answer;
    case 'redis-whole':
    case 'others':
      return beat.because;
    case 'quiet': {
      const counts = [count(beat.connections, 'request'), count(beat.uploads, 'upload')].filter(Boolean);
      return counts.length > 0 ? `${counts.join(', ')} under way` : '';
    }
    case 'canary':
      return `${beat.failure.part}: ${beat.failure.what}`;
    case 'agent':
      return beat.vm === undefined ? beat.because : `${beat.vm}: ${beat.because}`;
    case 'caught-up':
      return beat.missing > 0 ? `${beat.missing} of what the others took in not there yet` : 'has all, looks once more';
    case 'steady': {
      const failing = beat.failing?.length ? `${beat.failing.join(', ')} did not answer, ` : '';
      return `${failing}${beat.secondsLeft}s left`;
    }
    case 'installed': {
      const { there, of, waiting } = beat;
      return `${there} of ${of} VMs have it${waiting.length > 0 ? `, waiting for ${waiting.join(', ')}` : ''}`;
    }
  }
}

function count(n: number, what: string): string {
  return n > 0 ? `${n} ${what}${n === 1 ? '' : 's'}` : '';
}

/** An answer is a foreign text. */
function oneLine(text: string): string {
  return makeVisible(text.replace(/\s+/g, ' ').trim(), longestClause);
}

/** A worker of another release says other things, which are passed over. */
function isGateBeat(heartbeat: object): heartbeat is GateBeat {
  const beat = heartbeat as Record<string, unknown>;
  const has = (kind: string, ...keys: string[]) => keys.every((key) => typeof beat[key] === kind);
  switch (beat.gate) {
    case 'ready':
      return has('string', 'host', 'part', 'answer');
    case 'redis-whole':
      return has('string', 'because');
    case 'others':
      return has('string', 'host', 'because');
    case 'quiet':
      return has('string', 'host') && has('number', 'connections', 'uploads');
    case 'canary':
      return has('string', 'host') && has('object', 'failure') && beat.failure !== null;
    case 'agent':
      return has('string', 'host', 'because') && ['string', 'undefined'].includes(typeof beat.vm);
    case 'caught-up':
      return has('string', 'host') && has('number', 'missing');
    case 'steady':
      return has('number', 'secondsLeft');
    case 'installed':
      return has('number', 'there', 'of') && Array.isArray(beat.waiting);
    default:
      return false;
  }
}
