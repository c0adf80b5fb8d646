import {
  defineSearchAttributeKey,
  SearchAttributeType,
  TypedSearchAttributes,
  WorkflowExecutionAlreadyStartedError,
} from '@temporalio/common';
import {
  CancellationScope,
  ChildWorkflowCancellationType,
  ChildWorkflowFailure,
  ParentClosePolicy,
  patched,
  sleep,
  startChild,
  uuid4,
} from '@temporalio/workflow';
import type { ClusterSpec } from '../cluster/spec';
import type { DeployRun } from '../contracts/carried';
import { type DeployInput, type DeployReport, defaultRollout, type TlsReport } from '../contracts/operation';
import { type OperationMemo, operationWorkflowId, searchAttributes, workflowTypes } from '../contracts/queues';
import { type CertificatesVerdict, type StewardInput, type StewardReport, stewardName } from '../contracts/steward';
import { effects, lookers, planners } from './activities';
import { describeFailure } from './describe-failure';

type Due = Extract<CertificatesVerdict, { state: 'due'; given: false }>;

/** One turn of the schedule: looks at how long the certificates are good, and begins the operation that makes others where two thirds of that are over. */
export async function stewardCertificates(input: StewardInput): Promise<StewardReport> {
  const { spec } = input;
  const verdict = await lookers.judgeCertificates({ spec });
  switch (verdict.state) {
    case 'unseen':
      return { did: 'unseen', text: `how long the certificates are good is not known: ${verdict.why}` };
    case 'foreign':
      return { did: 'foreign', text: `another krakenctl looks after the cluster: ${verdict.why}` };
    case 'gone':
      await effects.removeSteward({ cluster: spec.name });
      return { did: 'gone', text: `${verdict.why}, so the schedule was taken away` };
    case 'good':
      return { did: 'nothing', text: `the certificates are good until ${verdict.until}, due at ${verdict.dueAt}` };
    case 'due':
      if (verdict.given) return warn(verdict);
      return (await waitForWindow(input)) ? stewardCertificates(input) : rotate(input, verdict);
  }
}

/** Outside of every operation, so that nobody else has to wait for the window too. Whether it had to be waited for. */
async function waitForWindow({ pace: { window } }: StewardInput): Promise<boolean> {
  if (!window) return false;
  const opensIn = await planners.windowOpensIn({ window, nowMs: Date.now() });
  if (opensIn > 0) await sleep(opensIn, { summary: 'the maintenance window opens' });
  return opensIn > 0;
}

function warn({ until, ended }: { until: string; ended: boolean }): StewardReport {
  const text = `the certificate at CERT_PATH ${ended ? 'ended' : 'ends'} at ${until}: put a new one there, then: krakenctl deploy`;
  return { did: 'warned', text };
}

async function rotate(input: StewardInput, due: Due): Promise<StewardReport> {
  const deploy = deployFor(input, due);
  const { id: operation } = deploy.operation;
  try {
    const child = await begin(deploy);
    const report = (await child.result()) as DeployReport;
    return { ...(await proven(due.spec, report)), operation };
  } catch (error) {
    if (error instanceof WorkflowExecutionAlreadyStartedError)
      return { did: 'left', text: 'another operation runs on the cluster; looked at again with the next turn' };
    if (CancellationScope.current().consideredCancelled) throw error;
    // Cancelled by a person, it says so too.
    const { code, message } = describeFailure(error instanceof ChildWorkflowFailure ? error.cause : error);
    return { did: 'failed', text: `${operation} failed: ${message}`, operation, code };
  }
}

/** As `tls rotate` has it, but for what makes others whether they are due or not: where somebody was quicker, there is nothing left to do. */
function deployFor({ owner, pace }: StewardInput, { spec, images, until, ended }: Due): DeployInput {
  const at = new Date().toISOString().replace(/[-:]/g, '').replace('T', '-').slice(0, 15);
  const id = `${at}-rotate-${uuid4().slice(0, 4)}`;
  const reason = ended ? `the certificates ended at ${until}` : `the certificates end at ${until}`;
  const operation = { id, verb: 'rotate', actor: stewardName, reason };
  return { operation, spec, origins: {}, owner, images, policy: { ...defaultRollout, ...pace }, lasting: pace };
}

/** Under the id that is the lock of a cluster, by which it never runs beside another operation. It goes on without us. */
function begin(input: DeployInput) {
  const { spec, operation } = input;
  const { id, verb, actor, reason } = operation;
  const memo: OperationMemo = { cluster: spec.name, operation: id, verb, actor, reason };
  const keyword = (name: string, value: string) => ({
    key: defineSearchAttributeKey(name, SearchAttributeType.KEYWORD),
    value,
  });
  return startChild<(run: DeployRun) => Promise<DeployReport>>(workflowTypes.deploy, {
    workflowId: operationWorkflowId(spec.name),
    args: [input],
    parentClosePolicy: ParentClosePolicy.ABANDON,
    cancellationType: ChildWorkflowCancellationType.ABANDON,
    memo,
    typedSearchAttributes: new TypedSearchAttributes([
      keyword(searchAttributes.cluster, spec.name),
      keyword(searchAttributes.operation, id),
      keyword(searchAttributes.verb, verb),
    ]),
    staticSummary: `${verb} ${spec.name} by ${actor}`,
    staticDetails: reason,
  });
}

/** A handshake with every port, which shows what is recorded now. */
async function proven(spec: ClusterSpec, { name, changed, tls }: DeployReport): Promise<StewardReport> {
  const waiting = tls?.agents ? '; another authority waits for agents: krakenctl deploy' : '';
  if (!changed && waiting) return { did: 'left', text: `${name}: nothing was changed${waiting}` };
  if (!changed) return { did: 'nothing', text: 'others were made meanwhile' };
  const { endpoints, unseen } = await lookers.inspectTls({ spec });
  const wrong = endpoints.filter(
    ({ shows, expected }) => typeof shows === 'string' || !shows.isBelieved || shows.serial !== expected,
  );
  if (wrong.length + unseen.length === 0 && endpoints.length > 0)
    return { did: 'rotated', text: `${name}: ${endpoints.length} ports show the new certificates${waiting}` };
  const left = [...wrong.map(({ host, part, port }) => `${host} ${part} ${port}`), ...unseen.map(({ host }) => host)];
  return { did: 'failed', text: `${name}: these do not show the new certificates: ${left.slice(0, 5).join(', ')}` };
}

/** After an operation that had to do with TLS: the schedule is there while there are certificates, and not longer. What fails here fails no deploy. */
export async function keepSteward({ spec, owner, policy, lasting }: DeployInput, tls: TlsReport): Promise<TlsReport> {
  if (!patched('certificate-steward')) return tls;
  const { name: cluster } = spec;
  const work = () =>
    spec.tls
      ? effects.ensureSteward(stewardInput({ spec, owner, lasting: lasting ?? policy ?? defaultRollout }))
      : effects.removeSteward({ cluster });
  try {
    await CancellationScope.nonCancellable(work);
    return tls;
  } catch (error) {
    return { ...tls, noSteward: describeFailure(error).message };
  }
}

/** Without the state, which is the record's to tell and changes with each rotation. */
function stewardInput({ spec, owner, lasting }: Pick<Required<DeployInput>, 'spec' | 'owner' | 'lasting'>) {
  const { state: _, ...tls } = spec.tls!;
  const { bakeMs, window } = lasting;
  return {
    spec: { ...spec, tls },
    owner,
    pace: { ...(bakeMs !== undefined && { bakeMs }), ...(window && { window }) },
  };
}

/** After a destroy. One that cannot be taken away now finds no cluster with its next turn, and goes by itself. */
export async function forgetSteward(cluster: string): Promise<void> {
  if (!patched('certificate-steward')) return;
  await CancellationScope.nonCancellable(() => effects.removeSteward({ cluster })).catch(() => undefined);
}
