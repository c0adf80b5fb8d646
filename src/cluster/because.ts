import { writeDuration, writeSize } from './amounts';
import type { DesiredContainer, DesiredFile, DesiredState, ResolvedImages } from './desired';
import { liveValues } from './live-values';
import type { ClusterRecord, ObservedContainer, ObservedFile } from './observed';
import type { ClusterSpec } from './spec';

/** Why something on a host differs: a setting that a person changed, a tag that moved, or a hand on the host. */
export interface Because {
  container(want: DesiredContainer, found: ObservedContainer): string[];
  file(want: DesiredFile, found: ObservedFile): string[];
  /** For a value that changes in place, by its name in `live-values.ts`; none where no setting asks for the change. */
  live(want: DesiredContainer, name: string): string[];
}

export interface Provenance {
  record?: ClusterRecord;
  spec: ClusterSpec;
  images: ResolvedImages;
  /** Path in the spec → the key that sets it and where it was set. */
  origins: Record<string, { key: string; origin: string }>;
  desired: DesiredState;
  render: (spec: ClusterSpec, images: ResolvedImages) => DesiredState;
}

interface Cause {
  text: string;
  fingerprints: Set<string>;
  sums: Set<string>;
  /** `<container> <name>` */
  live: Set<string>;
}

/**
 * Explains by experiment: each setting that differs from the record is put into the recorded spec alone; what then renders
 * otherwise is what the setting causes. What differs on the host without any such cause was changed by hand.
 */
export function explainChanges(provenance: Provenance): Because {
  return becauseOf([...causesOf(provenance)]);
}

/** The same, with a breath after each experiment: on a hundred nodes each takes a good part of a second. */
export async function explainAtEase(provenance: Provenance, breathe: () => Promise<void>): Promise<Because> {
  const causes: Cause[] = [];
  for (const cause of causesOf(provenance)) {
    causes.push(cause);
    await breathe();
  }
  return becauseOf(causes);
}

function becauseOf(causes: Cause[]): Because {
  return {
    container(want, found) {
      const texts = causes.filter((c) => c.fingerprints.has(want.name)).map((c) => c.text);
      if (texts.length > 0) return texts;
      return [`the container on the host was made otherwise (operation ${found.operation ?? 'unknown'})`];
    },
    file(want, found) {
      const texts = causes.filter((c) => c.sums.has(want.path)).map((c) => c.text);
      if (texts.length > 0) return texts;
      return [`drift: changed on the host at ${new Date(found.changedAt * 1000).toISOString()}, not by us`];
    },
    live(want, name) {
      return causes.filter((c) => c.live.has(`${want.name} ${name}`)).map((c) => c.text);
    },
  };
}

function* causesOf(p: Provenance): Generator<Cause> {
  const { record } = p;
  if (!record) return;
  const before = p.render(record.spec, record.images);
  for (const path of changedPaths(record.spec, p.spec)) {
    const origin = p.origins[path] ?? p.origins[path.replace(/\.\d+(\..*)?$/, '')];
    const from = show(path, valueAt(record.spec, path));
    const to = show(path, valueAt(p.spec, path));
    const text = origin ? `${origin.key} ${from} → ${to} (${origin.origin})` : `${path} ${from} → ${to}`;
    const changed = tryRender(p, withPath(record.spec, path, valueAt(p.spec, path)), {
      ...p.images,
      ...record.images,
    });
    if (changed) yield { text, ...whatDiffers(before, changed) };
  }
  for (const [reference, digest] of Object.entries(p.images)) {
    const known = record.images[reference];
    if (known === undefined || known === digest) continue;
    const changed = tryRender(p, record.spec, { ...record.images, [reference]: digest });
    const short = (d: string) => d.replace('sha256:', '').slice(0, 8);
    const text = `${reference} now names ${short(digest)}, was ${short(known)}`;
    if (changed) yield { text, ...whatDiffers(before, changed) };
  }
}

/** A single changed setting may not render alone (a fourth node without its image, say); then it explains nothing. */
function tryRender(p: Provenance, spec: ClusterSpec, images: ResolvedImages): DesiredState | undefined {
  try {
    return p.render(spec, images);
  } catch {
    return undefined;
  }
}

function whatDiffers(before: DesiredState, after: DesiredState): Omit<Cause, 'text'> {
  const prints = new Map(before.hosts.flatMap((h) => h.containers.map((c) => [c.name, c.fingerprint] as const)));
  const sums = new Map(before.hosts.flatMap((h) => h.files.map((f) => [`${h.host}${f.path}`, f.sha256] as const)));
  const containers = after.hosts.flatMap((h) => h.containers).filter((c) => prints.get(c.name) !== c.fingerprint);
  const files = after.hosts.flatMap((h) => h.files).filter((f) => sums.get(`${f.host}${f.path}`) !== f.sha256);
  const values = new Map(liveEntries(before));
  const live = liveEntries(after).filter(([name, value]) => values.get(name) !== value);
  return {
    fingerprints: new Set(containers.map((c) => c.name)),
    sums: new Set(files.map((f) => f.path)),
    live: new Set(live.map(([name]) => name)),
  };
}

function liveEntries({ hosts }: DesiredState): [string, string][] {
  const containers = hosts.flatMap((h) => h.containers);
  return containers.flatMap((c) =>
    Object.entries(liveValues(c)).map(([name, value]): [string, string] => [`${c.name} ${name}`, value]),
  );
}

/** Where two specs differ, as `redis.maxmemoryBytes`; a part that only one of them has is one place. */
export function changedPaths(before: unknown, after: unknown, path = ''): string[] {
  if (JSON.stringify(before) === JSON.stringify(after)) return [];
  if (!isTree(before) || !isTree(after)) return [path];
  const keys = [...new Set([...Object.keys(before), ...Object.keys(after)])].sort();
  return keys.flatMap((key) => changedPaths(before[key], after[key], path ? `${path}.${key}` : key));
}

function isTree(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null;
}

function valueAt(tree: unknown, path: string): unknown {
  return path.split('.').reduce<unknown>((node, key) => (isTree(node) ? node[key] : undefined), tree);
}

function withPath(spec: ClusterSpec, path: string, value: unknown): ClusterSpec {
  const copy = structuredClone(spec) as unknown as Record<string, unknown>;
  const keys = path.split('.');
  const last = keys.pop()!;
  let node = copy;
  for (const key of keys) node = node[key] as Record<string, unknown>;
  if (value === undefined) delete node[last];
  else node[last] = value;
  return copy as unknown as ClusterSpec;
}

/** Sizes and durations as they stand in `.env`. */
function show(path: string, value: unknown): string {
  if (value === undefined) return '(unset)';
  if (typeof value === 'number' && path.endsWith('Bytes')) return writeSize(value);
  if (typeof value === 'number' && path.endsWith('Ms')) return writeDuration(value);
  return typeof value === 'string' ? value : JSON.stringify(value);
}
