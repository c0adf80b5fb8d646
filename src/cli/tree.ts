import type { OperationProgress, StageProgress } from '../contracts/operation';
import { describeDecision, holdLine } from './hold-text';
import type { Colors } from './output';
import { showDuration } from './time-text';

/** An operation's stages as lines; pure, so that a terminal redraws them and a test reads them. */
export interface TreeView {
  colors: Colors;
  /** Milliseconds since the epoch. */
  now: number;
  columns: number;
}

/** More lines of what runs at this moment than these say less. */
const shownActivities = 3;

export function renderTree(progress: OperationProgress, view: TreeView): string[] {
  const begun = progress.stages.filter((s) => s.state !== 'waiting');
  const waiting = progress.stages.filter((s) => s.state === 'waiting').map((s) => s.id);
  const width = Math.max(0, ...begun.map((s) => s.id.length));
  const lines = begun.flatMap((stage) => [renderStage(stage, { ...view, width }), ...renderNow(stage, view)]);
  if (waiting.length > 0 && progress.state === 'running')
    lines.push(view.colors.dim(`   ${waiting.join(', ')}: waiting`));
  const now = new Date(view.now);
  const held = holdLine(progress, now);
  if (held !== undefined) lines.push(view.colors.yellow(` ‖ ${held}`));
  // While it runs, what holds it counts; afterwards, who decided what.
  const decided = progress.state === 'running' ? [] : (progress.decisions ?? []);
  lines.push(...decided.map((decision) => `   ${describeDecision(decision, now)}`));
  return lines.map((line) => cut(line, view.columns));
}

export function renderStage(stage: StageProgress, view: TreeView & { width: number }): string {
  const { colors } = view;
  const took = stage.startedAt === undefined ? '' : showDuration((stage.endedAt ?? view.now) - stage.startedAt);
  const count = stage.total > 1 && stage.state !== 'done' ? `${stage.done}/${stage.total}` : '';
  const words = [count, stage.detail ?? defaultDetail(stage)].filter(Boolean).join(' · ');
  return ` ${symbolOf(stage, colors)} ${stage.id.padEnd(view.width)} ${took.padStart(6)}  ${words}`.trimEnd();
}

function defaultDetail({ id, title, state, total }: StageProgress): string {
  const steps = total > 0 && state === 'done' ? `${total} ${total === 1 ? 'step' : 'steps'}` : '';
  return [title === id ? '' : title, steps].filter(Boolean).join(', ');
}

function symbolOf({ state }: StageProgress, colors: Colors): string {
  if (state === 'done') return colors.green('✔');
  if (state === 'failed') return colors.red('✘');
  return state === 'running' ? colors.cyan('▸') : ' ';
}

function renderNow(stage: StageProgress, { colors }: TreeView): string[] {
  if (stage.state !== 'running' || stage.now.length === 0) return [];
  const shown = stage.now.slice(0, shownActivities).map((text) => colors.dim(`     ${text}`));
  const rest = stage.now.length - shown.length;
  return rest > 0 ? [...shown, colors.dim(`     and ${rest} more at once`)] : shown;
}

/** A line that wraps would break the redrawing. Colour codes take no room. */
export function cut(line: string, columns: number): string {
  const plain = line.replace(/\x1b\[[0-9;]*m/g, '');
  if (plain.length <= columns) return line;
  let shown = 0;
  let at = 0;
  while (shown < columns - 1 && at < line.length) {
    const code = /^\x1b\[[0-9;]*m/.exec(line.slice(at, at + 8))?.[0];
    at += code ? code.length : 1;
    shown += code ? 0 : 1;
  }
  return `${line.slice(0, at)}…${line.includes('\x1b') ? '\x1b[0m' : ''}`;
}
