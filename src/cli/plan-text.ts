import type { LeftOut, Plan } from '../cluster/plan';
import { describeCounts } from './deploy-text';
import { showHosts } from './host-ranges';
import type { Doubted } from './inspect';
import type { Colors } from './output';
import { type PlanLine, planLines } from './plan-lines';
import { showDuration } from './time-text';

export interface PlanView {
  colors: Colors;
  columns: number;
  tookMs: number;
  hosts: number;
  /** Names every file, where a line would only count them. */
  verbose: boolean;
  /** What a deploy of this plan is to be called with besides its token: `--to-version v0.1.28`. */
  options?: string;
}

/** So many characters name a plan; the whole hash is compared where it was given. */
const tokenLength = 12;
/** Longer lists of names are counted. */
const shownNames = 46;
/** A longer text in this column sticks out, instead of pushing all others away. */
const alignedDetail = 24;

export function planToken(plan: Plan): string {
  return plan.hash.slice(0, tokenLength);
}

export function renderPlan(plan: Plan, view: PlanView): string[] {
  const { colors } = view;
  const seen = view.hosts - plan.unseen.length;
  const head = `${colors.bold(plan.cluster)}  ${seen}/${view.hosts} hosts seen in ${showDuration(view.tookMs)} · nothing was changed`;
  const troubles = [
    ...plan.unseen.map(({ host, error }) => ` ${host}  ${colors.red('? not seen')}  ${error}`),
    ...(plan.foreign ?? []).map(({ host, why }) => ` ${host}  ${colors.red('✘')} ${why}`),
    ...plan.conflicts.map(({ host, what, why }) => ` ${host}  ${colors.red('✘')} ${what}  ${why}`),
  ];
  if (plan.empty && troubles.length === 0) {
    return [head, colors.green(` nothing to change · ${plan.counts.keep} containers and files as they should be`)];
  }
  const lines = renderLines(planLines(plan), view);
  const isInOrder = plan.rolling || plan.stages.some((stage) => stage.node !== undefined);
  const order = isInOrder ? renderOrder(plan, view.hosts) : [];
  const left = (plan.left ?? []).map((node) => ` ${colors.yellow('!')} ${describeLeftOut(node)}`);
  const ended = plan.ended
    ? [` ${colors.yellow('!')} the certificates ended at ${plan.ended}: nobody is served now, so all hosts at once`]
    : [];
  const counts = ` ${describeCounts(plan.counts)}`;
  return [head, ...troubles, ...ended, ...left, ...lines, counts, ...order, renderNext(plan, view)];
}

/** Of a look from this machine. */
export function describeDoubts(doubted: Doubted[] = []): string[] {
  const byOwner = new Map<string, string[]>();
  for (const { host, owner } of doubted) {
    const where = `Temporal ${owner.temporal}, namespace ${owner.namespace}`;
    byOwner.set(where, [...(byOwner.get(where) ?? []), host]);
  }
  return [...byOwner].map(
    ([where, hosts]) =>
      ` ? ${showHosts(hosts)}: looked after through ${where}; only its worker can say whether that is this krakenctl`,
  );
}

function describeLeftOut({ host, operation = 'an operation' }: LeftOut): string {
  return `${host} is out of the load balancers: ${operation} did not come to its end; this comes first, and takes it back`;
}

/** What a rollout does to each node, and how many go on serving meanwhile. */
function renderOrder(plan: Plan, hosts: number): string[] {
  const names = plan.stages.filter((s) => s.id !== 'record').map((s) => s.node ?? s.id);
  const order = ` order  ${[...new Set(names)].join(' → ')}`;
  const { batches = [], because = [], away } = plan.order ?? {};
  const most = Math.max(0, ...batches.map((batch) => batch.length));
  if (most === 0) return [order];
  const each =
    ' each    left out by the load balancers · quiet · replaced · ready · canary through it, and through an agent · taken back';
  const serving = ` serving ${hosts - (away ?? most)} of ${hosts} nodes at every moment${because.map((why) => ` · ${why}`).join('')}`;
  return [order, each, serving];
}

function renderNext(plan: Plan, { options }: PlanView): string {
  if (plan.foreign?.length) return ' a deploy would refuse';
  if (plan.conflicts.some((c) => c.notBuilt)) return ' a deploy would refuse: put the former value back into .env';
  if (plan.conflicts.length > 0) return ' mend this by hand first; a deploy would refuse';
  if (plan.unseen.length > 0) return ' a deploy would refuse until every host is seen: krakenctl status';
  return ` apply exactly this: krakenctl deploy${options ? ` ${options}` : ''} --plan ${planToken(plan)}`;
}

function renderLines(lines: PlanLine[], view: PlanView): string[] {
  const cells = lines.map((line) => ({
    hosts: showHosts(line.hosts),
    what: `${line.symbol} ${showNames(line, view.verbose)}`,
    detail: line.detail,
    because: line.because,
  }));
  const hostWidth = widest(cells.map((c) => c.hosts));
  const whatWidth = widest(cells.map((c) => c.what).filter((text) => text.length <= shownNames + 2));
  const detailWidth = widest(cells.map((c) => c.detail).filter((text) => text.length <= alignedDetail));
  let previous = '';
  return cells.flatMap((cell) => {
    const hosts = cell.hosts === previous ? '' : cell.hosts;
    previous = cell.hosts;
    const left = ` ${hosts.padEnd(hostWidth)}  ${cell.what.padEnd(whatWidth)}  ${cell.detail.padEnd(detailWidth)}`;
    return withBecause({ left, because: cell.because, indent: hostWidth + 5 }, view);
  });
}

interface Reasoned {
  left: string;
  because: string[];
  indent: number;
}

/** Beside it where there is room, else below. */
function withBecause({ left, because, indent }: Reasoned, { colors, columns }: PlanView): string[] {
  const reasons = because.join('; ');
  if (reasons === '') return [left.trimEnd()];
  if (left.length + 2 + reasons.length <= columns) return [`${left}  ${colors.dim(reasons)}`];
  return [left.trimEnd(), ...because.map((text) => `${' '.repeat(indent)}${colors.dim(text)}`)];
}

function showNames({ what, plural }: PlanLine, verbose: boolean): string {
  const names = what.join(' ');
  return verbose || names.length <= shownNames || what.length < 3 ? names : `${what.length} ${plural}`;
}

function widest(texts: string[]): number {
  return Math.max(0, ...texts.map((text) => text.length));
}
