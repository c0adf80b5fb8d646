import { ActivityFailure, isCancellation, patched } from '@temporalio/workflow';
import type { FleetBatch } from '../cluster/agents/fleet-plan';
import type { FleetRecord } from '../cluster/agents/fleet-record';
import type { FleetInput, UnseenHost } from '../contracts/agents';
import type { StageProgress } from '../contracts/operation';
import { effects, installPulls, publishing, streams } from './activities';
import { oneOfSeveral, publishingImage } from './activity-options';
import { final } from './operation-steps';
import type { Progress } from './progress';

/**
 * What a fleet's operation brings to the cluster's own hosts. A host that is away is left and named, not waited for: the others have
 * the same, and agents are to be worked on while a node is off.
 */
export interface FleetHosts {
  input: FleetInput;
  epoch: number;
  progress: Progress;
  /** Away when it was looked, and those that went away since. */
  unseen: UnseenHost[];
}

/** A majority must have it. */
export async function writeRecord(hosts: FleetHosts, record: FleetRecord): Promise<void> {
  const { input, epoch, progress, unseen } = hosts;
  const { spec } = input;
  const nodes = spec.nodes.map(({ id }) => id);
  await progress.during('record', 'desired agents onto the nodes', async (stage) => {
    const write = (host: string) =>
      effects.writeFleet.executeWithOptions({ ...oneOfSeveral, summary: `${host}: desired agents` }, [
        { spec, host, epoch, record },
      ]);
    const results = await Promise.allSettled(seenOf(nodes, unseen).map((host) => onHost(hosts, host, write)));
    const count = countDone(results, nodes, unseen);
    if (count <= nodes.length / 2) throw whyNot(results, nodes, unseen);
    if (count < nodes.length) stage.detail = `on ${count} of ${nodes.length} nodes${leftOf(nodes, unseen)}`;
  });
}

/** On every load balancer; one that is away is left, VMs ask the others. */
export async function publish(hosts: FleetHosts, digest: string): Promise<void> {
  const { input, epoch, progress, unseen } = hosts;
  const { spec } = input;
  const { loadBalancers } = spec;
  await progress.during('publish', 'what VMs install from', async (stage) => {
    const bring = spec.images.source === 'load' ? streams : installPulls;
    const one = async (host: string) => {
      const install = { spec, host, epoch, digest };
      const options = { ...publishingImage, summary: `${host}: agent image` };
      await bring.ensureInstallImage.executeWithOptions(options, [install]);
      await publishing.publishInstall.executeWithOptions({ summary: `${host}: /install` }, [install]);
    };
    const bringTo = (host: string) => progress.wait(stage, host, () => onHost(hosts, host, one));
    const seen = seenOf(loadBalancers, unseen);
    // One after the other: a node that writes an image serves slowly, and others take its place.
    const results = patched('published-one-by-one')
      ? await settledInTurn(seen, bringTo)
      : await Promise.allSettled(seen.map(bringTo));
    const count = countDone(results, loadBalancers, unseen);
    stage.detail = `${count} of ${loadBalancers.length} load balancers serve /install${leftOf(loadBalancers, unseen)}`;
  });
}

export const dismissTitle = 'VMs that installed themselves are told to leave';

/** A VM asks every load balancer that answers it, so one that knows is enough. */
export async function dismiss(hosts: FleetHosts, addresses: string[]): Promise<void> {
  const { input, epoch, progress, unseen } = hosts;
  const { spec } = input;
  const { loadBalancers } = spec;
  await progress.during('dismiss', dismissTitle, async (stage: StageProgress) => {
    await onBalancers(hosts, stage, (host) =>
      effects.dismissVms.executeWithOptions(
        { ...oneOfSeveral, summary: `${host}: ${addresses.length} VMs shall leave` },
        [{ spec, host, epoch, addresses }],
      ),
    );
    stage.detail = `${addresses.length} within five minutes${leftOf(loadBalancers, unseen)}`;
  });
}

/** Side by side on every load balancer that is there. @throws where it was done on none. */
export async function onBalancers(
  hosts: FleetHosts,
  stage: StageProgress,
  work: (host: string) => Promise<unknown>,
): Promise<void> {
  const { input, progress, unseen } = hosts;
  const { loadBalancers } = input.spec;
  const one = (host: string) => progress.wait(stage, host, () => onHost(hosts, host, work));
  countDone(await Promise.allSettled(seenOf(loadBalancers, unseen).map(one)), loadBalancers, unseen);
}

export function stagesOf(batches: FleetBatch[]): { id: string; title: string; steps: unknown[] }[] {
  return batches.map(({ id, title, until }, i) => ({
    id,
    title,
    steps: Array.from({ length: until - (batches[i - 1]?.until ?? 0) }),
  }));
}

export function seenOf(hosts: string[], unseen: UnseenHost[]): string[] {
  return hosts.filter((host) => !unseen.some((u) => u.host === host));
}

/** A host on which the work does not succeed is unseen from then on. */
async function onHost({ unseen }: FleetHosts, host: string, work: (host: string) => Promise<unknown>): Promise<void> {
  try {
    await work(host);
  } catch (error) {
    if (!isCancellation(error)) unseen.push({ host, error: lastWords(error) });
    throw error;
  }
}

/** The time limit is what ended it; what the host said before is the reason. */
function lastWords(error: unknown): string {
  let inner = error;
  while (inner instanceof Error && inner.cause instanceof Error) inner = inner.cause;
  return inner instanceof Error ? inner.message : String(inner);
}

async function settledInTurn(
  hosts: string[],
  work: (host: string) => Promise<void>,
): Promise<PromiseSettledResult<void>[]> {
  const results: PromiseSettledResult<void>[] = [];
  for (const host of hosts) results.push(...(await Promise.allSettled([work(host)])));
  return results;
}

/** @throws where it was done on none, and when it was cancelled. */
function countDone(results: PromiseSettledResult<void>[], hosts: string[], unseen: UnseenHost[]): number {
  const cancelled = results.find((r) => r.status === 'rejected' && isCancellation(r.reason));
  const count = results.filter((r) => r.status === 'fulfilled').length;
  if (cancelled || count === 0) throw whyNot(results, hosts, unseen);
  return count;
}

function whyNot(results: PromiseSettledResult<void>[], hosts: string[], unseen: UnseenHost[]): unknown {
  const reasons = results.flatMap((r) => (r.status === 'rejected' ? [r.reason] : []));
  const named = reasons.find(isCancellation) ?? reasons.find((r) => r instanceof ActivityFailure);
  if (named) return named;
  const why = unseen.filter((u) => hosts.includes(u.host)).map((u) => `${u.host}: ${u.error}`);
  return final('HOST_UNREACHABLE', `too few hosts could be seen: ${why.join('; ')}`, 'krakenctl status');
}

function leftOf(hosts: string[], unseen: UnseenHost[]): string {
  const left = hosts.filter((host) => unseen.some((u) => u.host === host));
  return left.length > 0 ? `; left: ${left.join(', ')}` : '';
}
