import type { ClusterSpec } from '../cluster/spec';
import type { OperationLine } from '../contracts/activities';
import type { Configuration } from './configuration';
import { type Temporal, withTemporal } from './connect';
import type { Context } from './context';
import { exitCodes } from './exit-codes';
import { CliFailure, toCliFailure } from './failure';
import { readOperationLines } from './local';
import {
  findOperation,
  isRunId,
  listRuns,
  mergeOperations,
  type OperationSummary,
  pickOperation,
} from './operation-list';
import { describeUnseen, type Unseen } from './unseen-text';

/** Operations as their two witnesses know them: Temporal, and the record on the nodes. */
export interface KnownOperations {
  /** Newest first. */
  operations: OperationSummary[];
  /** Who could not be asked, and why. */
  missing: string[];
}

const reachTimeoutMs = 1500;

/**
 * Either source alone is enough for an answer, which then says what it lacks.
 * @throws {CliFailure} HOST_UNREACHABLE where neither Temporal nor any node could be asked.
 */
export async function gatherOperations(
  { environment }: Context,
  { spec }: Configuration,
  most: number,
): Promise<KnownOperations> {
  const [runs, record] = await Promise.allSettled([
    withTemporal({ environment, timeoutMs: reachTimeoutMs }, (temporal) => listRuns(temporal, spec.name, most)),
    readOperationLines(spec),
  ]);
  // A missing codec key is no outage: it would be missing the next time too.
  if (runs.status === 'rejected' && toCliFailure(runs.reason).exitCode === exitCodes.usage) throw runs.reason;
  const { lines, unseen } = record.status === 'fulfilled' ? record.value : noneRead(spec, record.reason);
  const temporal = runs.status === 'rejected' ? [`Temporal: ${toCliFailure(runs.reason).message}`] : [];
  const missing = [...temporal, ...unseen.map(describeUnseen)];
  if (temporal.length > 0 && unseen.length === spec.nodes.length) throw nobodySeen(missing);
  return { operations: mergeOperations(runs.status === 'fulfilled' ? runs.value : [], lines), missing };
}

/** One of them; Temporal is asked once more for the id of a run that its operation has left. */
export async function findKnown(
  { environment }: Context,
  { spec: { name } }: Configuration,
  { runs, wanted }: { runs: OperationSummary[]; wanted?: string },
): Promise<OperationSummary | undefined> {
  const found = pickOperation(runs, wanted);
  if (found || wanted === undefined || !isRunId(wanted)) return found;
  const find = (temporal: Temporal) => findOperation(temporal, name, { runs, wanted });
  return withTemporal({ environment, timeoutMs: reachTimeoutMs }, find).catch(() => undefined);
}

function noneRead(spec: ClusterSpec, reason: unknown): { lines: OperationLine[]; unseen: Unseen[] } {
  const error = toCliFailure(reason).message;
  return { lines: [], unseen: spec.nodes.map(({ id }) => ({ host: id, error })) };
}

export function nobodySeen(missing: string[]): CliFailure {
  return new CliFailure('HOST_UNREACHABLE', `neither Temporal nor a host could be asked\n${missing.join('\n')}`, {
    retryable: true,
    hint: 'krakenctl temporal status · krakenctl check',
    data: { missing },
  });
}

/** What is not among those that are known may be among those that are not. */
export function noSuchOperation(cluster: string, { missing }: KnownOperations, wanted?: string): CliFailure {
  const which = wanted === undefined ? `no operation of ${cluster}` : `no operation "${wanted}"`;
  if (missing.length > 0) {
    const message = `${which} among those that could be seen, without\n${missing.join('\n')}`;
    return new CliFailure('NO_OPERATION', message, { hint: 'krakenctl op list', data: { missing } });
  }
  const message = wanted === undefined ? `${which} yet` : which;
  return new CliFailure('NO_OPERATION', message, {
    hint: wanted === undefined ? 'krakenctl deploy' : 'krakenctl op list',
  });
}
