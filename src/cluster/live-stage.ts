import type { Stage, Step } from './plan';

/** Steps of one host run in their order: memory is given before a setting may use it. */
export function liveStage(steps: Step[]): Stage {
  return { id: 'live', title: 'change in place', steps, gates: [] };
}
