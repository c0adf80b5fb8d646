import type { Gate, Plan, ReplacedParts, Stage, Step } from '../cluster/plan';

/**
 * How a plan crosses. Temporal takes 2 MB of a value, and a hundred load balancers are told a hundred times which node is left out: so steps of a
 * stage that differ by their host alone are one, with `*` for that host, and a gate that watches all nodes so far names the new ones.
 */

const texts = ['id', 'host', 'lane', 'target', 'summary'] as const;
const anyHost = '*';

export function foldPlan(plan: Plan): Plan {
  const named = new Set(plan.stages.flatMap((stage) => stage.steps.map((step) => step.host)));
  // `node-2` before `node-10`.
  const hosts = [...named].sort(new Intl.Collator('en', { numeric: true }).compare);
  const watched = new Watched();
  const fold = ({ steps, gates, ...stage }: Stage): Stage => {
    const balancer = commonBalancer(steps);
    const own = balancer ? steps.map(({ balancer: _, ...step }) => step) : steps;
    const folded = { steps: foldSteps(own, hosts), gates: gates.map((gate) => watched.fold(gate)) };
    return { ...stage, ...folded, ...(balancer && { balancer }) };
  };
  return { ...plan, stages: plan.stages.map(fold), hosts };
}

/** A step for each host again. Plans of before cross as they are. */
export function unfoldStages({ stages, hosts = [] }: { stages: Stage[]; hosts?: string[] }): Stage[] {
  const watched = new Watched();
  return stages.map(({ steps, gates, balancer, ...stage }) => ({
    ...stage,
    steps: unfoldSteps(steps, hosts).map((step) => (balancer ? { ...step, balancer } : step)),
    gates: gates.map((gate) => watched.unfold(gate)),
  }));
}

export function unfoldPlan({ hosts, ...plan }: Plan): Plan {
  return { ...plan, stages: unfoldStages({ stages: plan.stages, hosts }) };
}

/** What all steps of a stage tell the load balancers. */
function commonBalancer([first, ...others]: Step[]): Step['balancer'] {
  return others.every((step) => isSame(step.balancer, first?.balancer)) ? first?.balancer : undefined;
}

interface Fold {
  text: string;
  step: Step;
  hosts: string[];
}

/** Each step of a host goes to a fold behind that of its step before, so that all hosts keep their order. */
function foldSteps(steps: Step[], all: string[]): Step[] {
  const folds: Fold[] = [];
  for (const host of new Set(steps.map((step) => step.host))) {
    let at = -1;
    for (const step of steps.filter((s) => s.host === host)) {
      const text = texts.some((field) => step[field]?.includes(anyHost)) ? '' : textOf(step);
      const found = folds.findIndex((fold, i) => i > at && text !== '' && fold.text === text);
      at = found < 0 ? at + 1 : found;
      if (found < 0) folds.splice(at, 0, { text, step, hosts: [host] });
      else folds[at]!.hosts.push(host);
    }
  }
  if (folds.every((fold) => fold.hosts.length === 1)) return steps;
  return folds.map(({ text, step, hosts }) => {
    if (hosts.length === 1) return step;
    const but = all.filter((host) => !hosts.includes(host));
    return { ...(JSON.parse(text) as Step), each: but.length < hosts.length ? { but } : hosts };
  });
}

function textOf(step: Step): string {
  return JSON.stringify(renamed(step, (text) => withoutHost(text, step.host)));
}

/** `node-1` is not in `node-10`. */
function withoutHost(text: string, host: string): string {
  return text.split(host).reduce((left, right) => `${left}${/^\d/.test(right) ? host : anyHost}${right}`);
}

function unfoldSteps(steps: Step[], all: string[]): Step[] {
  if (!steps.some((step) => step.each)) return steps;
  const single = steps.flatMap(({ each, ...step }) =>
    each ? hostsOf(each, all).map((host) => renamed(step, (text) => text.replaceAll(anyHost, host))) : [step],
  );
  const hosts = all.filter((host) => single.some((step) => step.host === host));
  return hosts.flatMap((host) => single.filter((step) => step.host === host));
}

function hostsOf(each: NonNullable<Step['each']>, all: string[]): string[] {
  return Array.isArray(each) ? each : all.filter((host) => !each.but.includes(host));
}

function renamed(step: Step, rename: (text: string) => string): Step {
  const changed = texts.flatMap((field) => {
    const text = step[field];
    return text === undefined ? [] : [[field, rename(text)]];
  });
  return { ...step, ...Object.fromEntries(changed) };
}

/** What the gates of a plan watch, as it goes on. */
class Watched {
  private before: ReplacedParts[] = [];

  fold(gate: Gate): Gate {
    if (gate.kind !== 'steady' || gate.inPlace) return gate;
    const { before } = this;
    this.before = gate.replaced;
    const isMore = before.length > 0 && isSame(gate.replaced.slice(0, before.length), before);
    return isMore ? { ...gate, replaced: gate.replaced.slice(before.length), andBefore: true } : gate;
  }

  unfold(gate: Gate): Gate {
    if (gate.kind !== 'steady' || gate.inPlace) return gate;
    const { andBefore, ...whole } = gate;
    if (andBefore) whole.replaced = [...this.before, ...gate.replaced];
    this.before = whole.replaced;
    return whole;
  }
}

function isSame(a: unknown, b: unknown): boolean {
  return a === b || JSON.stringify(a) === JSON.stringify(b);
}
