import type { ClusterSpec, TlsStage, TlsState } from '../spec';
import { tlsStages } from '../spec';
import type { Signer } from './material';

/**
 * Which states a cluster goes through, one after the other, each of them whole: a plan like any other leads to each, and whatever ends an operation leaves
 * one of them for the next to go on from. In none of them does anybody speak what somebody else does not understand. Docs: decisions/0044.
 *
 * | stage     | Kraken's ports | Kraken's parts ask in | load balancers | bus of Redis | Redis' ports | Envoy asks Redis in |
 * |-----------|----------------|-----------------------|----------------|--------------|--------------|---------------------|
 * | (off)     | plain          | plain                 | plain          | plain        | plain        | plain               |
 * | `accept`  | both           | plain                 | both           | plain        | both         | plain               |
 * | `bus`     | both           | plain                 | both           | TLS          | both         | plain               |
 * | `speak`   | both           | TLS                   | both           | TLS          | both         | TLS                 |
 * | `require` | TLS            | TLS                   | TLS            | TLS          | TLS          | TLS                 |
 */
export interface TlsWish {
  /** What was asked for, without a state; with one where a state of before is come back to. */
  spec: ClusterSpec;
  /** As the record has it; absent where there is no cluster yet. */
  recorded?: { tls?: ClusterSpec['tls'] };
  /** Who signs, where TLS is wanted. */
  signer?: SigningWish;
  nowMs: number;
  /** `certificates`: new ones though the old are good. */
  renew?: boolean;
}

export interface SigningWish {
  id: string;
  kind: Signer['kind'];
  /** Of a given certificate: its own dates. */
  from?: string;
  until?: string;
}

export function tlsWalk(wish: TlsWish): ClusterSpec[] {
  const { spec, recorded, signer, nowMs } = wish;
  const now = recorded?.tls?.state;
  const { tls: _, ...plain } = spec;
  const inState = (state: TlsState | undefined): ClusterSpec =>
    state ? { ...plain, tls: { ...(spec.tls ?? recorded!.tls!), state } } : plain;
  const isOver = now !== undefined && hasEnded(now.series, nowMs);
  if (!spec.tls) {
    const way = now && !isOver ? stagesBetween(now.stage, undefined) : [undefined];
    return way.map((stage) => inState(stage && now && { ...now, stage }));
  }
  if (!signer) throw new Error('nobody signs');
  const fresh = seriesFor(wish);
  const own = (stage: TlsStage): TlsState => ({
    stage,
    signer: signer.id,
    trusts: [signer.id],
    series: fresh,
  });
  if (!recorded) return [inState(own('require'))];
  // An undo goes back to the stage that there was.
  const goal = spec.tls.state?.stage ?? 'require';
  if (!now) return tlsStages.slice(0, tlsStages.indexOf(goal) + 1).map((stage) => inState(own(stage)));
  // Nobody believes anybody, so nobody is cut off by going straight there. Docs: decisions/0046.
  if (isOver)
    return [inState(isHalfWay(now, signer.id) ? { ...now, stage: goal, series: seriesAnew(now, wish) } : own(goal))];
  const succession = now.signer === signer.id && now.trusts.length === 1 ? [] : handOver(now, own(now.stage), wish);
  const ways = stagesBetween(now.stage, goal).map((stage) => own(stage!));
  // What the cluster is in already is gone through by nobody; the last one stays, to be looked at.
  const states = [...succession, ...(succession.length > 0 ? ways.filter(({ stage }) => stage !== now.stage) : ways)];
  const others = states.filter((state, i) => i === states.length - 1 || JSON.stringify(state) !== JSON.stringify(now));
  return others.map(inState);
}

/** Another authority is believed by some, and shown by nobody: whoever has not heard of it yet, as an agent, is served by the one that they know. */
function isHalfWay(now: TlsState, next: string): boolean {
  return isOfAuthority(now) && now.signer !== next && now.trusts.includes(next);
}

/**
 * Everybody believes the new one before anybody shows what it has signed, and the old one until nobody does any more. Who is to follow may take long: until
 * then the former one signs anew what is due.
 */
function handOver(now: TlsState, next: TlsState, wish: TlsWish): TlsState[] {
  const { nowMs, renew } = wish;
  const both = [...new Set([...now.trusts, next.signer])];
  if (now.signer === next.signer) return [{ ...next, trusts: both }, next];
  if (!isHalfWay(now, next.signer) || !(renew || isDue(now.series, nowMs)))
    return [{ ...now, trusts: both }, { ...next, trusts: both }, next];
  const later = { ...next, series: { ...next.series, number: next.series.number + 1 } };
  return [{ ...now, trusts: both, series: seriesAnew(now, wish) }, { ...later, trusts: both }, later];
}

/** By whoever signs now, whatever the dates of the one that comes. */
function seriesAnew({ signer }: TlsState, wish: TlsWish): TlsState['series'] {
  return seriesFor({ ...wish, signer: { kind: 'authority', id: signer }, renew: true });
}

/** Signed by an authority of krakenctl's own, so it can make others. */
export function isOfAuthority({ signer }: Pick<TlsState, 'signer'>): boolean {
  return signer.startsWith('ca-');
}

/** What is still to be gone through from one stage to another, the last one always; undefined is off. */
function stagesBetween(from: TlsStage, to: TlsStage | undefined): (TlsStage | undefined)[] {
  const order: (TlsStage | undefined)[] = [undefined, ...tlsStages];
  const [at, end] = [order.indexOf(from), order.indexOf(to)];
  if (at === end) return [to];
  return at < end ? order.slice(at + 1, end + 1) : order.slice(end, at).reverse();
}

const minuteMs = 60_000;
const dayMs = 24 * 60 * minuteMs;

/** Two thirds of a life after it began, a series is due. */
export function isDue(series: TlsState['series'], nowMs: number): boolean {
  return nowMs >= partOfLife(series, 2 / 3);
}

/** When so much of its life is over, milliseconds since the epoch. */
export function partOfLife({ from, until }: Pick<TlsState['series'], 'from' | 'until'>, part: number): number {
  const [start, end] = [Date.parse(from), Date.parse(until)];
  return start + (end - start) * part;
}

/** From then on nobody believes what the parts show. */
export function hasEnded({ until }: Pick<TlsState['series'], 'until'>, nowMs: number): boolean {
  return nowMs >= Date.parse(until);
}

/**
 * The series that is there, unless it is due, or a new one. It begins at a round time, so that a plan made a moment later is the same, and some time ago,
 * since clocks differ.
 */
function seriesFor({ spec, recorded, signer, nowMs, renew }: TlsWish): TlsState['series'] {
  const before = recorded?.tls?.state;
  const number = (before?.series.number ?? 0) + 1;
  const isOfSigner = before?.signer === signer!.id;
  if (signer!.from && signer!.until) {
    return isOfSigner ? before.series : { number, from: signer!.from, until: signer!.until };
  }
  const isOfLife = recorded?.tls?.lifetimeSeconds === spec.tls!.lifetimeSeconds;
  if (isOfSigner && isOfLife && !renew && !isDue(before.series, nowMs)) return before.series;
  const lifeMs = spec.tls!.lifetimeSeconds * 1000;
  const step = Math.min(dayMs, Math.max(minuteMs, Math.floor(lifeMs / 10)));
  const from = Math.floor(nowMs / step) * step - step;
  return { number, from: new Date(from).toISOString(), until: new Date(from + 2 * step + lifeMs).toISOString() };
}
