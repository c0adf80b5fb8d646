import type { HostDifferences } from './differences';
import type { Stage, Step } from './plan';
import type { PartName } from './spec';

/** What NGINX sends requests to. */
const behindNginx: (PartName | undefined)[] = ['proxy', 'tracker', 'build-index'];

/**
 * Before any part is replaced: files of the containers that are kept, what changes in place, and reloads, on all hosts side by side.
 * `rest` is what is left for the hosts one after the other.
 */
export function splitLive(differences: HostDifferences[]): { stage: Stage; rest: HostDifferences[] } {
  const isEarly = earlyFile(differences);
  const steps = differences.flatMap((d) => [
    ...d.files.filter((s) => isEarly(d, s)),
    ...d.live,
    ...d.reloads.filter((s) => isEarly(d, s)),
  ]);
  const rest = differences.map((d) => ({
    ...d,
    files: d.files.filter((s) => !isEarly(d, s)),
    live: [],
    reloads: d.reloads.filter((s) => !isEarly(d, s)),
  }));
  return { stage: liveStage(steps), rest };
}

/** Steps of one host run in their order: memory is given before a setting may use it. */
export function liveStage(steps: Step[]): Stage {
  return { id: 'live', title: 'change in place', steps, gates: [] };
}

/**
 * A part that gets a new container gets its file with it. A load balancer that learned of new ports at once would have nothing
 * behind it: where parts move, it goes with its host.
 */
function earlyFile(differences: HostDifferences[]): (d: HostDifferences, step: Step) => boolean {
  const moves = differences
    .flatMap((d) => d.containers)
    .some((s) => behindNginx.includes(s.part) && s.changes.some((c) => c.field === 'command'));
  return (d, step) => !d.containers.some((s) => s.part === step.part) && !(step.part === 'nginx' && moves);
}
