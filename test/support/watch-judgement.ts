import type { EngineEvent, Look } from './watch';

/** What a rollout must never have been seen to do. Pure; imports nothing of src. */
export interface Seen {
  looks: readonly Look[];
  events: readonly EngineEvent[];
  /** Containers are called `kraken-<cluster>-<node>-<part>`. */
  cluster: string;
  nodes: string[];
}

export interface Judgement {
  breaches: string[];
  /** Load balancers that were asked about a node at a moment of which something is known. */
  checked: number;
  /** Nodes in the order in which they were worked on, each time anew. */
  order: string[];
}

/** Parts that clients reach through load balancers, and what those need. */
const served = ['testfs', 'origin', 'tracker', 'build-index', 'proxy'];
/** A load balancer that said nothing for so long is taken for one that does not serve. */
const silentForMs = 5_000;

export function judge(seen: Seen): Judgement {
  const work = workOf(seen);
  const order = work.map((w) => w.host).filter((host, index, all) => host !== all[index - 1]);
  const repeated = order.filter((host, index) => order.indexOf(host) !== index);
  const spans = originSpans(seen);
  const drained = work.flatMap((event) => seen.nodes.map((lb) => leavesOut(seen, lb, event)));
  return {
    breaches: [
      ...repeated.map((host) => `${host} was worked on again after another node: ${order.join(' ')}`),
      ...drained.flatMap((one) => (typeof one === 'string' ? [one] : [])),
      ...backTooEarly(seen, spans),
      ...originsTogether(spans),
    ],
    checked: drained.filter((one) => one !== undefined).length,
    order,
  };
}

/** What an operator does to a part: ends it, takes it away, makes another. One that dies by itself is no work. */
export function workOf({ events, cluster, nodes }: Seen): (EngineEvent & { part: string })[] {
  return events
    .flatMap((event) => {
      const part = partOf(event, cluster, nodes);
      const isWork = ['destroy', 'create'].includes(event.action) || (event.action === 'kill' && event.signal !== 1);
      return isWork && part !== undefined && served.includes(part) ? [{ ...event, part }] : [];
    })
    .sort((a, b) => a.at - b.at);
}

function partOf({ container, host }: EngineEvent, cluster: string, nodes: string[]): string | undefined {
  const before = `kraken-${cluster}-${host}-`;
  return nodes.includes(host) && container.startsWith(before) ? container.slice(before.length) : undefined;
}

/** True when it does, a text when it does not, undefined when that cannot be said: it did not serve, or changed just then. */
function leavesOut({ looks }: Seen, lb: string, event: EngineEvent & { part: string }): string | true | undefined {
  const before = looks.findLast((look) => look.host === lb && look.to <= event.at);
  const after = looks.find((look) => look.host === lb && look.from >= event.at);
  const known = [before, after].flatMap((look) =>
    look?.out !== undefined && Math.abs(look.from - event.at) < silentForMs ? [look.out.includes(event.host)] : [],
  );
  if (known.length === 0 || new Set(known).size > 1) return undefined;
  return (
    known[0] || `${event.action} of ${event.part} on ${event.host}: the load balancer of ${lb} did not leave it out`
  );
}

interface Span {
  host: string;
  from: number;
  to: number;
  /** It was told to end; otherwise it died by itself. */
  isWork: boolean;
}

/** From the moment that an origin is told to end, or ends, until it is seen to be ready. */
export function originSpans(seen: Seen): Span[] {
  const spans: Span[] = [];
  const ends = seen.events.filter(
    (event) =>
      partOf(event, seen.cluster, seen.nodes) === 'origin' &&
      (event.action === 'die' || (event.action === 'kill' && event.signal !== 1)),
  );
  for (const { host, at, action } of [...ends].sort((a, b) => a.at - b.at)) {
    const open = spans.findLast((span) => span.host === host);
    if (open && at < open.to) continue;
    const started = seen.events.find((e) => e.host === host && e.action === 'start' && e.at > at);
    const ready = seen.looks.find((look) => look.host === host && look.from >= (started?.at ?? at) && look.originReady);
    spans.push({ host, from: at, to: ready?.to ?? Number.POSITIVE_INFINITY, isWork: action === 'kill' });
  }
  return spans;
}

/** A node is left out for as long as its origin is on its way. */
function backTooEarly({ looks }: Seen, spans: Span[]): string[] {
  return spans
    .filter((span) => span.isWork)
    .flatMap(({ host, from, to }) => {
      const early = looks.filter((look) => look.from >= from && look.to <= to && look.out?.includes(host) === false);
      return [...new Set(early.map((look) => look.host))].map(
        (lb) => `${host} was in the load balancer of ${lb} while its origin was not ready`,
      );
    });
}

function originsTogether(spans: Span[]): string[] {
  return spans.flatMap((one, index) =>
    spans
      .slice(index + 1)
      .filter((other) => other.host !== one.host && other.from < one.to && one.from < other.to)
      .map((other) => `the origins of ${one.host} and ${other.host} were down at once`),
  );
}

/** Load balancers that still leave a node out, as last seen. */
export function stillOut({ looks, nodes }: Pick<Seen, 'looks' | 'nodes'>): string[] {
  return nodes.flatMap((lb) => {
    const last = looks.findLast((look) => look.host === lb);
    if (last?.out === undefined) return [`the load balancer of ${lb} does not answer`];
    return last.out.map((node) => `the load balancer of ${lb} leaves out ${node}`);
  });
}
