import type { RolloutPace } from './pace';
import type { Gate, ReplacedParts, Stage, Step } from './plan';
import type { ClusterSpec, PartName } from './spec';

/**
 * What changes in place. Steps of one host run in their order: memory is given before a setting may use it. Nobody is away meanwhile, so all
 * hosts are changed side by side; node by node where a person is asked before each.
 */
export function liveStages({ nodes }: ClusterSpec, steps: Step[], pace: RolloutPace): Stage[] {
  if (!pace.approveEachNode) return [{ id: 'live', title: 'change in place', steps, gates: [] }];
  const changed = nodes.map((node) => node.id).filter((id) => steps.some((step) => step.host === id));
  return inGroups(changed, pace.batch).map((hosts) => nodeStage(hosts, steps, pace));
}

function nodeStage(hosts: string[], all: Step[], { bakeMs = 0 }: RolloutPace): Stage {
  const name = hosts.join('+');
  const steps = all.filter((step) => hosts.includes(step.host));
  const touched = hosts.map((host): ReplacedParts => ({ host, parts: partsOf(steps, host) }));
  const ready = touched.flatMap(({ host, parts }) => parts.map((part): Gate => ({ kind: 'ready', host, part })));
  const steady: Gate = { kind: 'steady', replaced: touched, seconds: Math.ceil(bakeMs / 1000), inPlace: true };
  const gates = bakeMs > 0 ? [...ready, steady] : ready;
  return { id: `${name}/live`, node: `${name}/live`, title: `${name} in place`, steps, gates };
}

function partsOf(steps: Step[], host: string): PartName[] {
  return [...new Set(steps.flatMap((step) => (step.host === host && step.part ? [step.part] : [])))];
}

function inGroups<T>(items: T[], size: number): T[][] {
  const count = Math.ceil(items.length / size);
  return Array.from({ length: count }, (_, i) => items.slice(i * size, (i + 1) * size));
}
