import type { ClusterSpec } from '../cluster/spec';
import type { DeployReport, OperationProgress, ProofReport, TlsReport } from '../contracts/operation';
import type { Colors } from './output';
import { showBrief, showDuration } from './time-text';
import { nameWaited } from './tls-waited';

export interface DeployView {
  colors: Colors;
  progress?: OperationProgress;
  spec?: ClusterSpec;
}

export interface DescribedReport {
  lines: string[];
  /** What is still to do; anything here makes the command exit 5. */
  left: string[];
  /** The report as it is for programs, where it crossed otherwise. */
  data?: object;
}

/** The last lines of a deploy that ended well. */
export function describeDeploy(report: DeployReport, { colors, progress }: DeployView): string[] {
  const { counts } = report.plan;
  const tls = describeTls(report.tls);
  const took = progress?.endedAt ? ` in ${showDuration(progress.endedAt - progress.startedAt)}` : '';
  if (!report.changed) {
    return [...tls, colors.green(`nothing to change · ${counts.keep} containers and files as they should be${took}`)];
  }
  if (report.plan.recordOnly)
    return [...describeNoSteward(report.tls), colors.green(`Done${took}. ${report.name}: only the record was written`)];
  const shown = progress?.stages.some((stage) => stage.id === 'proof' && stage.detail);
  const proof = report.proof && !shown ? [` proof: ${describeProof(report.proof)}`] : [];
  return [
    ` ${describeCounts(counts)}`,
    ...tls,
    ...proof,
    colors.green(`Done${took}. ${report.name} · look: krakenctl status`),
  ];
}

/** Where it went; what comes with the next deploys, where there is more. */
export function describeTls(tls: TlsReport | undefined): string[] {
  if (!tls) return [];
  const went =
    tls.stages.length > 1 || (tls.stages.length > 0 && tls.left.length > 0) ? [` TLS: ${tls.stages.join(' → ')}`] : [];
  const steward = describeNoSteward(tls);
  if (tls.left.length === 0) return [...went, ...steward];
  const when = tls.agents ? `when ${nameWaited(tls.agents)} have followed` : 'with the next deploys';
  return [...went, ` ! TLS goes on ${when}: ${tls.left.join(' → ')}`, ...steward];
}

function describeNoSteward({ noSteward }: Partial<TlsReport> = {}): string[] {
  return noSteward ? [` ! the certificate steward is not as it should be: ${noSteward}; again: krakenctl deploy`] : [];
}

function describeProof({ pushedThrough, pulledThrough, pushMs, pullMs }: ProofReport): string {
  return `pushed through ${pushedThrough} ${showBrief(pushMs)} · pulled by digest through ${pulledThrough} ${showBrief(pullMs)} · announce seen in Redis · second look: nothing left to change`;
}

export function describeCounts(counts: DeployReport['plan']['counts']): string {
  const { create, replace, change, remove, keep } = counts;
  return `replace ${replace} · change in place ${change} · create ${create} · remove ${remove} · keep ${keep}`;
}
