import { ActivityFailure, isCancellation, sleep } from '@temporalio/workflow';
import type { ClusterSpec } from '../cluster/spec';
import type { AuthReport, PlannedAuth } from '../contracts/auth';
import type { FailureCode } from '../contracts/failures';
import { namedFailureOf } from './absence';
import { effects } from './activities';
import { oneOfSeveral } from './activity-options';
import { final } from './operation-steps';

/** The record of who may come in, which several write: operations on logins, tokens that are kept, agents that are let in again. */
export interface BroughtRecord {
  planned: PlannedAuth;
  left: AuthReport['left'];
  /** Something else than mending was written. */
  changed: boolean;
}

/** Somebody else was first; what was planned is planned again from what that one wrote. */
const moved: ReadonlySet<string> = new Set<FailureCode>(['PLAN_STALE', 'FENCED_OFF', 'FENCE_BUSY']);
const mostRounds = 8;

/**
 * A majority of the nodes has it when this ends, and nothing that another wrote meanwhile is lost.
 *
 * @param plan told whether a record with the change was written before
 */
export async function bringRecord(
  spec: ClusterSpec,
  plan: (again: boolean) => Promise<PlannedAuth>,
): Promise<BroughtRecord> {
  let changed = false;
  for (let round = 1; ; round += 1) {
    const planned = await plan(changed);
    const { record, mends } = planned;
    const left = planned.unseen.map(({ host, error }) => ({ host, why: `it could not be reached: ${error}` }));
    if (!record) return { planned, left, changed };
    changed ||= mends === undefined;
    const { isKept, isMoved } = await write(spec, { ...planned, record }, left);
    if (isKept && mends !== 'first') return { planned, left, changed };
    if (isKept) continue;
    if (!isMoved || round >= mostRounds) {
      const why = left.map((l) => `${l.host}: ${l.why}`).join('; ');
      throw final('HOST_UNREACHABLE', `too few nodes keep who may come in now: ${why}`, 'krakenctl status');
    }
    await sleep(100 * round);
  }
}

/** `isKept`: on a majority. */
async function write(
  spec: ClusterSpec,
  { epoch, record }: Pick<PlannedAuth, 'epoch'> & Required<Pick<PlannedAuth, 'record'>>,
  left: AuthReport['left'],
): Promise<{ isKept: boolean; isMoved: boolean }> {
  const nodes = spec.nodes.map(({ id }) => id);
  const { done, failures } = await onEach(nodes, left, (host) =>
    effects.writeAuth.executeWithOptions({ ...oneOfSeveral, summary: `${host}: who may come in` }, [
      { spec, host, epoch, record },
    ]),
  );
  const isMoved = failures.some((error) => moved.has(namedFailureOf(error)?.type ?? ''));
  return { isKept: done.length > nodes.length / 2, isMoved };
}

/** Those that are there, side by side; what fails on one is told, and keeps nobody else from it. */
export async function onEach(
  hosts: string[],
  left: AuthReport['left'],
  work: (host: string) => Promise<unknown>,
): Promise<{ done: string[]; failures: unknown[] }> {
  const there = hosts.filter((host) => !left.some((l) => l.host === host));
  const results = await Promise.allSettled(there.map(work));
  const failures: unknown[] = [];
  for (const [i, result] of results.entries()) {
    if (result.status === 'fulfilled') continue;
    if (isCancellation(result.reason)) throw result.reason;
    failures.push(result.reason);
    left.push({ host: there[i]!, why: wordsOf(result.reason) });
  }
  return { done: there.filter((_, i) => results[i]!.status === 'fulfilled'), failures };
}

function wordsOf(error: unknown): string {
  const cause = error instanceof ActivityFailure ? error.cause : error;
  return cause instanceof Error ? cause.message : String(cause);
}
