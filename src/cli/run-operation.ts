import type { ClusterSpec } from '../cluster/spec';
import type { Temporal } from './connect';
import type { Context } from './context';
import type { DecidedRun } from './decisions';
import { type ExitCode, exitCodes } from './exit-codes';
import { CliFailure } from './failure';
import { type Followed, followOperation } from './follow';
import { offerHold } from './hold-offer';
import type { OperationHandle } from './operation-handle';
import { type OperationStart, type StartedOperation, startWhenFree } from './operations';
import { describeReport } from './report-text';
import type { RunOptions } from './run-options';
import { uiLink } from './temporal-address';
import { parseDuration, showDuration } from './time-text';

/** From a start to the last line, the same for every operation. */
export interface OperationRun {
  start: OperationStart;
  spec: ClusterSpec;
  options: RunOptions;
  /** Called with the report of an operation that was followed to a good end, before it is told. */
  onReport?: (report: unknown) => void;
}

const defaultWaitMs = 60_000;
const linkTimeoutMs = 2000;

export async function runOperation(
  context: Context,
  temporal: Temporal,
  { start, spec, options, onReport }: OperationRun,
): Promise<ExitCode> {
  const { operation } = start;
  const wait = { limitMs: waitLimit(options.waitLock), note: (text: string) => context.output.note(text) };
  const started = await startWhenFree(temporal, start, wait);
  const link = uiLink(temporal, started.workflowId, started.runId);
  context.output.line(`${spec.name}/${operation.id} by ${operation.actor} · ${link}`);
  if (options.detach) return detach(context, { started, link });
  const { timeout: timeoutMs } = options;
  const { handle } = started;
  const followed = await followOperation({ context, temporal, handle, timeoutMs });
  if (followed.kind === 'done') onReport?.(followed.result);
  const run = { ...operation, workflowId: started.workflowId, runId: started.runId };
  return endFollowing(context, temporal, { followed, handle, run, spec, link });
}

function waitLimit(waitLock: string | boolean | undefined): number {
  if (waitLock === undefined || waitLock === false) return 0;
  if (waitLock === true) return defaultWaitMs;
  const limit = parseDuration(waitLock);
  if (limit === undefined) throw new CliFailure('USAGE', `--wait-lock ${waitLock}: expected a time such as 60s or 5m`);
  return limit;
}

function detach(context: Context, { started, link }: { started: StartedOperation; link: string }): ExitCode {
  const { operation, workflowId, runId } = started;
  context.output.result({ operation, workflowId, runId, link, detached: true });
  context.output.line(waysBack(operation));
  return exitCodes.done;
}

/** What is typed next by whoever has let go of an operation, by its id or name. */
function waysBack(operation: string): string {
  return ` watch: krakenctl op attach ${operation} · stop safely: krakenctl op cancel ${operation}`;
}

export interface FollowedRun {
  followed: Followed;
  handle: OperationHandle;
  run: DecidedRun;
  spec: ClusterSpec;
  /** To the run with which following began. */
  link: string;
}

/** The last lines, and, where Ctrl-C let go of it, the offer to hold it. */
export async function endFollowing(
  context: Context,
  temporal: Temporal,
  { followed, handle, run, spec, link: first }: FollowedRun,
): Promise<ExitCode> {
  const { kind, progress } = followed;
  const link = kind === 'detached' ? first : await linkToLast(temporal, handle).catch(() => first);
  const code = conclude(context, followed, { spec, operation: run.id, link });
  const named = { ...run, name: progress?.name ?? run.name };
  if (kind === 'detached' && followed.afterMs === undefined)
    await offerHold(context, { temporal, cluster: spec.name, run: named, progress });
  return code;
}

/** How it ended is in its last run. */
async function linkToLast(temporal: Temporal, handle: OperationHandle): Promise<string> {
  const ask = () => handle.lastRunId();
  const runId = await temporal.connection.withDeadline(Date.now() + linkTimeoutMs, ask);
  return uiLink(temporal, handle.workflowId, runId);
}

interface Conclusion {
  spec?: ClusterSpec;
  operation: string;
  link: string;
}

/** What every followed operation ends with, also one that was attached to later. */
function conclude(context: Context, followed: Followed, { spec, operation, link }: Conclusion): ExitCode {
  const { output } = context;
  if (followed.kind === 'detached') {
    const name = followed.progress?.name ?? operation;
    const { afterMs } = followed;
    const after = afterMs === undefined ? '' : ` after ${showDuration(afterMs)}`;
    output.line(`detached${after}; ${name} goes on without this terminal`);
    output.line(waysBack(name));
    output.result({ operation, link, detached: true, ...(afterMs !== undefined && { timedOut: true }) });
    return exitCodes.detached;
  }
  if (followed.kind === 'failed') throw withOperation(followed.failure, { operation, link });
  const { result, progress } = followed;
  const { lines, left, data = result as object } = describeReport(result, { colors: output.colors, progress, spec });
  const { decisions = [] } = progress ?? {};
  output.result({ ...data, link, ...(decisions.length > 0 && { decisions }) });
  output.lines(lines);
  output.detail(`history: ${link}`);
  if (left.length === 0) return exitCodes.done;
  if (output.isText) return exitCodes.partial;
  const text = `done in part; left: ${left.join('; ')}`;
  throw new CliFailure('LEFT_TO_DO', text, { retryable: true, data: { ...(result as object), link } });
}

/** An operation that was cut is gone on with by the command that began it; a plan shows what a deploy would do. */
const goingOn: Record<string, string> = {
  destroy: 'krakenctl cluster destroy goes on from there',
  takeover: 'krakenctl cluster take-over goes on from there',
  firewall: 'krakenctl firewall plan shows what is left, firewall apply goes on from there',
};

function withOperation(failure: CliFailure, facts: { operation: string; link: string }): CliFailure {
  const { code, message, hint, cause, ...same } = failure;
  const verb = /-([a-z]+)-[0-9a-f]{4}$/.exec(facts.operation)?.[1];
  const isCut = code === 'CANCELLED' || code === 'TERMINATED';
  const next = (isCut && goingOn[verb ?? '']) || hint || 'krakenctl op show';
  return new CliFailure(code, message, { ...same, hint: next, cause, data: facts });
}
