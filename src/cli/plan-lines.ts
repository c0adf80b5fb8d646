import { shortImage } from '../cluster/differences';
import type { FieldChange, Plan, Step } from '../cluster/plan';

/** A plan's steps as few lines: what is the same on many hosts, or for many parts of a host, stands in one. */
export interface PlanLine {
  hosts: string[];
  symbol: string;
  /** Parts or files. */
  what: string[];
  /** From what to what, or what is done. */
  detail: string;
  /** What many of them are called. */
  plural: string;
  because: string[];
}

const symbols: Record<Step['action'], string> = { create: '+', replace: '±', change: '~', remove: '-' };

export function planLines(plan: Plan): PlanLine[] {
  const lasting = plan.stages.filter((stage) => !stage.passing);
  const steps = lasting.flatMap((stage) => stage.steps).filter((s) => s.kind !== 'record' || plan.recordOnly);
  const lines = steps.map(toLine);
  return sortByHosts(mergeParts(mergeHosts(lines)).map(counted));
}

interface Line extends PlanLine {
  kind: Step['kind'];
}

function toLine(step: Step): Line {
  const { because, kind } = step;
  const base = { hosts: [step.host], symbol: symbols[step.action], because, kind, plural: pluralOf(step) };
  switch (step.kind) {
    case 'image':
      return { ...base, symbol: '↓', what: [shortImage(step.target)], detail: '' };
    case 'file':
      return { ...base, what: [fileName(step)], detail: step.action === 'create' ? '' : 'rewrite' };
    case 'credentials':
      return { ...base, what: [step.target], detail: '' };
    case 'reload':
      return { ...base, what: [step.part ?? step.target], detail: 'reload' };
    case 'setting':
    case 'limits':
      return liveLine(step, base);
    case 'redis':
    case 'handover':
      return redisLine(step, base);
    case 'record':
      return { ...base, what: ['record'], detail: '' };
    case 'remove':
      return { ...base, what: [step.part ?? step.target], detail: 'remove' };
    default:
      return { ...base, what: [step.part ?? step.target], detail: containerDetail(step) };
  }
}

/** From what to what stands in the line, so its reason is only where that was set. */
function liveLine(step: Step, base: Omit<Line, 'what' | 'detail'>): Line {
  const changes = step.changes.map(({ field, from, to }) => `${field} ${from} → ${to}`);
  const because = base.because.map((text) => text.replace(/^(\S+) .* → .* \(([^()]+)\)$/, '$2 $1'));
  return { ...base, what: [step.part ?? step.target], detail: [...changes, 'live', 'no restart'].join(', '), because };
}

/** The topology concerns the cluster; the wait for a host that comes back reads the same for each of them. */
function redisLine(step: Step, base: Omit<Line, 'what' | 'detail'>): Line {
  if (step.lane) return { ...base, hosts: ['cluster'], what: ['redis'], detail: step.summary };
  const general = (text: string) => text.replaceAll(step.host, 'the host');
  return { ...base, what: ['redis'], detail: general(step.summary), because: step.because.map(general) };
}

function pluralOf({ kind }: Step): string {
  if (kind === 'image') return 'images';
  return kind === 'file' ? 'files' : 'parts';
}

function fileName({ part, target }: Step): string {
  return `${part ?? ''}/${target.slice(target.lastIndexOf('/') + 1)}`;
}

/** Versions rather than references, so that parts of one release share a line; digests only where the tag is the same. */
function containerDetail({ action, changes }: Step): string {
  const image = changes.find((c) => c.field === 'image');
  if (action === 'create') return image ? tagOf(image.to) : '';
  const state = changes.find((c) => c.field === 'state');
  if (state) return `${state.from} → ${state.to}`;
  const others = changes.filter((c) => c.field !== 'image').map((c) => c.field);
  return [image && imageChange(image), ...others].filter(Boolean).join(', ');
}

function imageChange({ from, to }: FieldChange): string {
  const [before, after] = [tagOf(from), tagOf(to)];
  return before === after ? `${after} (${digestOf(from)} → ${digestOf(to)})` : `${before} → ${after}`;
}

/** `kraken-origin:v0.1.26 (41ab…)` → `v0.1.26`. */
function tagOf(text: string): string {
  const reference = text.split(' ')[0] ?? text;
  return reference.includes(':') ? reference.slice(reference.lastIndexOf(':') + 1) : reference;
}

function digestOf(text: string): string {
  return /\(([^)]*)\)/.exec(text)?.[1] ?? text;
}

/** Keeps the first place of each. */
function merge<T extends Line>(lines: T[], keyOf: (line: T) => unknown, join: (into: T, line: T) => void): T[] {
  const merged = new Map<string, T>();
  for (const line of lines) {
    const key = JSON.stringify(keyOf(line));
    const known = merged.get(key);
    if (known) join(known, line);
    else merged.set(key, { ...line, hosts: [...line.hosts], what: [...line.what] });
  }
  return [...merged.values()];
}

function mergeHosts(lines: Line[]): Line[] {
  const key = (l: Line) => [l.kind, l.symbol, l.what, l.detail, l.because];
  return merge(lines, key, (into, line) => into.hosts.push(...line.hosts.filter((h) => !into.hosts.includes(h))));
}

function mergeParts(lines: Line[]): Line[] {
  const key = (l: Line) => [l.kind, l.symbol, l.hosts, l.detail, l.because.map((text) => generic(text, l.kind))];
  return merge(lines, key, (into, line) => {
    into.what.push(...line.what);
    into.because = into.because.map((text) => generic(text, into.kind));
  });
}

/** How many change in place; master and replica of a host are both a Redis. */
function counted(line: Line): Line {
  if (line.kind !== 'setting' && line.kind !== 'limits') return line;
  const both = line.what.includes('redis') && line.what.includes('redis-replica');
  const names = line.what.filter((name) => !(both && name === 'redis-replica'));
  const what = names.map((name) => {
    const count = line.hosts.length * (both && name === 'redis' ? 2 : 1);
    return count > 1 ? `${name} ×${count}` : name;
  });
  return { ...line, what };
}

/** Each image has a digest of its own; for the line of all of them it says nothing. */
function generic(because: string, kind: Step['kind']): string {
  return kind === 'image' ? because.replace(/^[0-9a-f]{8} is not on the host$/, 'not on the host') : because;
}

/** What concerns most hosts first; the order inside stays. */
function sortByHosts(lines: Line[]): Line[] {
  const groups = new Map<string, Line[]>();
  for (const line of lines) {
    const key = line.hosts.join(' ');
    groups.set(key, [...(groups.get(key) ?? []), line]);
  }
  return [...groups.values()].flat();
}
