import type { OperationProgress } from '../contracts/operation';
import { CliFailure } from './failure';
import { describeDecision, describeHold } from './hold-text';
import type { OperationSummary } from './operation-list';
import { type Colors, describeFailure } from './output';
import { showDuration, showMoment } from './time-text';
import { renderTree } from './tree';

export interface OperationView {
  colors: Colors;
  now: Date;
  columns: number;
  progress?: OperationProgress;
  failure?: CliFailure;
  link?: string;
}

export interface OperationsView {
  colors: Colors;
  now: Date;
  /** Who could not be asked, and why. */
  missing: string[];
}

export function renderOperations(operations: OperationSummary[], view: OperationsView): string[] {
  const { colors, missing } = view;
  const lacks = missing.map((text) => colors.yellow(` ! incomplete, without ${text}`));
  if (operations.length > 0) return [...renderTable(operations, view), ...lacks];
  return lacks.length > 0
    ? ['no operation among those that could be seen', ...lacks]
    : ['no operation yet · krakenctl deploy'];
}

function renderTable(operations: OperationSummary[], { colors, now }: OperationsView): string[] {
  const names = operations.map((o) => o.name ?? '-');
  const width = Math.max(4, ...names.map((name) => name.length));
  const idWidth = Math.max(2, ...operations.map((o) => o.id.length));
  const lines = operations.map((o, i) => {
    const took = showDuration((o.endedAt ? Date.parse(o.endedAt) : now.getTime()) - Date.parse(o.startedAt));
    const started = showMoment(new Date(o.startedAt), now).padEnd(19);
    const row = ` ${names[i]!.padEnd(width)}  ${paint(o, colors)}  ${started}  ${took.padStart(6)}  ${o.id.padEnd(idWidth)}  ${o.actor}`;
    return o.hold ? `${row}\n${colors.yellow(`   ‖ ${describeHold(o.hold, now)}`)}` : row;
  });
  const head = ` ${'NAME'.padEnd(width)}  ${'RESULT'.padEnd(10)}  ${'STARTED'.padEnd(19)}  ${'TOOK'.padStart(6)}  ${'ID'.padEnd(idWidth)}  BY`;
  return [head, ...lines.flatMap((line) => line.split('\n'))];
}

function paint({ result, hold }: OperationSummary, colors: Colors): string {
  if (hold) return colors.yellow('held'.padEnd(10));
  const text = result.padEnd(10);
  if (result === 'done') return colors.green(text);
  return result === 'running' ? colors.cyan(text) : colors.red(text);
}

export function renderOperation(operation: OperationSummary, view: OperationView): string[] {
  const { colors, now, progress, link } = view;
  const name = operation.name ?? progress?.name;
  const started = showMoment(new Date(operation.startedAt), now);
  const reason = operation.reason ?? progress?.operation.reason;
  const head = `${name ? `${name} · ` : ''}${operation.id} by ${operation.actor} · started ${started} · ${operation.result}`;
  const tree = progress ? renderTree(progress, { colors, now: now.getTime(), columns: view.columns }) : [];
  const failure = failureOf(view);
  const unknown =
    progress || !operation.runId
      ? []
      : [' its stages are known to a worker of its workflow code alone   → krakenctl worker status'];
  return [
    head,
    ...(reason ? [`   because: ${reason}`] : []),
    ...tree,
    ...(progress ? [] : (operation.decisions ?? []).map((d) => `   ${describeDecision(d, now)}`)),
    ...unknown,
    ...(failure ? describeFailure(failure, colors) : []),
    ...(link ? [` ${link}`] : []),
  ];
}

function failureOf({ progress, failure }: OperationView): CliFailure | undefined {
  if (!progress?.failure) return failure;
  const { code, message, ...details } = progress.failure;
  return new CliFailure(code, message, details);
}
