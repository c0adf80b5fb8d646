import { components, type OpenPort, partsOf, portsOfPart } from './component';
import type { SeenHost } from './observed';
import type { Plan, Step } from './plan';
import type { ClusterSpec, HostSpec, PartName } from './spec';

/** Ports of one node, the part behind each, and who has to reach it. */
export function portsOf(spec: ClusterSpec, node: HostSpec): (OpenPort & { part: PartName })[] {
  return partsOf(spec, node).flatMap((part) => components[part].listens(spec).map((open) => ({ ...open, part })));
}

export function portNumbersOf(spec: ClusterSpec, node: HostSpec): number[] {
  return [...new Set(portsOf(spec, node).map(({ port }) => port))];
}

/** A part that is replaced lets go of the ports that it has: only one that it did not have before can be another's. */
function portsTaken(
  spec: ClusterSpec,
  { step, part, earlier }: { step: Step; part: PartName; earlier?: ClusterSpec },
): number[] {
  const ports = portsOfPart(spec, part);
  if (step.action !== 'replace') return ports;
  const had = portsOfPart(earlier ?? spec, part);
  return ports.filter((port) => !had.includes(port));
}

/** Ports that a container would need as soon as it starts, and that another program has: it would end again and again. */
export function portConflicts(
  spec: ClusterSpec,
  is: SeenHost,
  { containers, earlier }: { containers: Step[]; earlier?: ClusterSpec },
): Plan['conflicts'] {
  return containers.flatMap((step) => {
    const ports = step.part ? portsTaken(spec, { step, part: step.part, earlier }) : [];
    // Another part of ours may be about to move away from one.
    const ours = is.containers.filter((c) => c.cluster === spec.name).map((c) => c.id);
    const held = (is.listeners ?? []).filter((l) => ports.includes(l.port) && !ours.includes(l.containerId ?? ''));
    return held.map(({ port, program, pid }) => ({
      host: is.host,
      what: `port ${port}, for ${step.part}`,
      why: `${program ?? 'another program'}${pid ? ` (pid ${pid})` : ''} holds it: stop that program, or choose another port in .env`,
    }));
  });
}
