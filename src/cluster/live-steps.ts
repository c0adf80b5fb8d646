import type { Because } from './because';
import type { DesiredContainer, DesiredHost } from './desired';
import {
  cpuLimit,
  differingNames,
  type LiveValues,
  limitValues,
  liveSum,
  memoryLimit,
  observedLimits,
  sayLive,
} from './live-values';
import type { ObservedContainer, SeenHost } from './observed';
import type { FieldChange, Step } from './plan';

/** What changes in place, without a new container: the limits of those that are kept, and the settings of a running Redis. */

interface Pairing {
  want: DesiredHost;
  is: SeenHost;
  because: Because;
}

const drift = {
  setting: 'drift: the running Redis has another value than its file',
  limits: 'drift: the limit of the container on the host is another',
};

/**
 * A container that is made anew or stopped takes its settings from its file; limits are those of the container, running or not.
 * Memory is given before a setting may use it, and taken after one has let go of it.
 */
export function liveSteps(pairing: Pairing, containers: Step[]): Step[] {
  const { want } = pairing;
  const stepOf = (c: DesiredContainer) => containers.find((s) => s.target === c.name);
  const limits = want.containers
    .filter((c) => (stepOf(c)?.action ?? 'change') === 'change')
    .map((c) => limitsChange(pairing, c));
  const settings = want.containers.filter((c) => !stepOf(c)).map((c) => settingsChange(pairing, c));
  const inOrder = [...limits.filter((l) => !takesMemory(l)), ...settings, ...limits.filter(takesMemory)];
  return inOrder.flatMap((change) => toStep(pairing, change));
}

/** Docker takes no other CPU limit beside one that was set by hand in its own way: then the container is made anew. */
export function heldLimit(
  because: Because,
  c: DesiredContainer,
  found: ObservedContainer,
): Pick<Step, 'changes' | 'because'> | undefined {
  const change = { kind: 'limits' as const, c, now: observedLimits(found), wanted: limitValues(c) };
  const isHeld = found.nanoCpusHeld && c.nanoCpus > 0 && differingNames(change.now, change.wanted).includes(cpuLimit);
  return isHeld ? { changes: changesOf(change), because: reasonsOf(because, change) } : undefined;
}

interface LiveChange {
  kind: 'setting' | 'limits';
  c: DesiredContainer;
  /** What was not seen is not in it, and nothing is concluded from that. */
  now: LiveValues;
  wanted: LiveValues;
}

function limitsChange({ is }: Pairing, c: DesiredContainer): LiveChange {
  const found = is.containers.find((o) => o.name === c.name);
  return { kind: 'limits', c, now: found?.cluster ? observedLimits(found) : {}, wanted: limitValues(c) };
}

function settingsChange({ is }: Pairing, c: DesiredContainer): LiveChange {
  const instance = is.redis.find((r) => r.part === c.part);
  return { kind: 'setting', c, now: (instance?.reachable && instance.settings) || {}, wanted: c.live ?? {} };
}

function takesMemory({ now, wanted }: LiveChange): boolean {
  const [from, to] = [Number(now[memoryLimit]), Number(wanted[memoryLimit])];
  return from > to || from < 0;
}

function changesOf(change: LiveChange): FieldChange[] {
  return differingNames(change.now, change.wanted).map((field) => ({
    field,
    from: sayLive(field, change.now[field]!),
    to: sayLive(field, change.wanted[field]!),
  }));
}

function reasonsOf(because: Because, change: LiveChange): string[] {
  const reasons = differingNames(change.now, change.wanted).flatMap((name) => {
    const causes = because.live(change.c, name);
    return causes.length > 0 ? causes : [drift[change.kind]];
  });
  return [...new Set(reasons)];
}

function toStep({ want, because }: Pairing, change: LiveChange): Step[] {
  const { kind, c, wanted } = change;
  const changes = changesOf(change);
  if (changes.length === 0) return [];
  const values = changes.map(({ field, to }) => `${field} ${to}`).join(', ');
  return [
    {
      id: `live/${want.host}/${kind}/${c.part}`,
      host: want.host,
      kind,
      action: 'change',
      part: c.part,
      target: c.name,
      summary: `${want.host}: set ${values} on ${c.part}, live`,
      changes,
      because: reasonsOf(because, change),
      expect: liveSum(wanted),
    },
  ];
}
