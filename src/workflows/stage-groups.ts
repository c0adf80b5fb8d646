import type { Stage } from '../cluster/plan';

/** Stages that follow each other and belong to the same nodes are one. */
export function groupsOf(stages: Stage[]): Stage[][] {
  const groups: Stage[][] = [];
  for (const stage of stages) {
    const last = groups.at(-1);
    if (last && stage.node !== undefined && last[0]!.node === stage.node) last.push(stage);
    else groups.push([stage]);
  }
  return groups;
}
