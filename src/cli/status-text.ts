import Table from 'cli-table3';
import { isSeen, type Observed, type ObservedHost } from '../cluster/observed';
import { type PartState, partState, type Serving } from '../cluster/serving';
import type { Finding } from '../cluster/serving-findings';
import { redisShards, showSlots } from '../cluster/serving-redis';
import type { ClusterSpec, PartName } from '../cluster/spec';
import { describeHidden, type Filter, isShown, readFilter } from './filters';
import { showHosts } from './host-ranges';
import type { Colors } from './output';
import type { StewardView } from './steward';
import { showClock, showDuration } from './time-text';

/** What `status` shows; everything is given, nothing is asked. */
export interface StatusFacts {
  spec: ClusterSpec;
  observed: Observed;
  serving: Serving;
  /** As recorded on the nodes, or as `.env` says where there is no record; undefined where that could not be seen. */
  version?: string;
  /** `stand-in` or `real`, where it is known. */
  images?: string;
  /** Keys in which `.env` differs from the record; undefined without a record. */
  differing?: string[];
  /** The operation that runs; null: none; undefined: Temporal did not say. */
  running?: { operation: string; actor: string; startedAt: Date } | null;
  /** Absent without TLS, and where Temporal was not asked. */
  steward?: StewardView;
  at: Date;
}

const columns: [string, PartName][] = [
  ['LB', 'nginx'],
  ['ORIGIN', 'origin'],
  ['TRACKER', 'tracker'],
  ['B-INDEX', 'build-index'],
  ['PROXY', 'proxy'],
];

/** The headline is the whole cluster's, whatever is shown of it. */
export function renderStatus(facts: StatusFacts, colors: Colors, filter = readFilter(facts.spec, {})): string[] {
  const { findings } = facts.serving;
  const shown = findings.filter((finding) => isShown(filter, finding));
  return [
    renderHeadline(facts, colors),
    ...renderTable(facts, colors, filter),
    ...joinHosts(shown).map((f) => renderFinding(f, colors)),
    ...describeHidden(findings.length - shown.length, 'nodes or parts'),
    ...renderDifference(facts),
  ];
}

function renderHeadline(
  { spec, observed, serving, version, images, running, at }: StatusFacts,
  colors: Colors,
): string {
  const paints = { serving: colors.green, degraded: colors.yellow, unknown: colors.yellow, down: colors.red };
  const paint = paints[serving.state];
  const counted = serving.findings.filter((f) => f.severity !== 'note').length;
  const found = counted === 0 ? '' : `, ${counted} ${counted === 1 ? 'finding' : 'findings'}`;
  const known = version ?? 'version unknown';
  const label = images ? `${known} (${images})` : known;
  const seen = `seen ${showClock(at)} from ${observed.hosts.filter((h) => h.reachable).length}/${observed.hosts.length} hosts`;
  return `${colors.bold(spec.name)}  ${paint(serving.state.toUpperCase())}${found} · ${label} · ${seen} · ${describeRunning(running, at)}`;
}

function describeRunning(running: StatusFacts['running'], at: Date): string {
  if (running === undefined) return 'operations unknown, Temporal does not answer';
  if (running === null) return 'no operation running';
  const { operation, actor, startedAt } = running;
  return `${operation} by ${actor} runs for ${showDuration(at.getTime() - startedAt.getTime())}`;
}

const noBorders = {
  chars: Object.fromEntries(
    [
      'top',
      'top-mid',
      'top-left',
      'top-right',
      'bottom',
      'bottom-mid',
      'bottom-left',
      'bottom-right',
      'left',
      'left-mid',
      'mid',
      'mid-mid',
      'right',
      'right-mid',
    ].map((name) => [name, '']),
  ),
  style: { head: [], border: [], 'padding-left': 1, 'padding-right': 1 },
};

function renderTable({ spec, observed }: StatusFacts, colors: Colors, { hosts, parts }: Filter): string[] {
  const shown = columns.filter(([, part]) => parts.includes(part));
  const withRedis = parts.includes('redis') || parts.includes('redis-replica');
  const redisTitle = withRedis ? ['REDIS (replica on)'] : [];
  const head = ['HOST', ...shown.map(([title]) => title), ...redisTitle, 'DISK'];
  const table = new Table({ ...noBorders, chars: { ...noBorders.chars, middle: '' }, head });
  const shards = redisShards(observed);
  for (const host of observed.hosts.filter((h) => hosts.includes(h.host))) {
    const cells = shown.map(([, part]) => paintState(partState({ spec, observed }, host, part), colors));
    const redis = shards
      .filter((s) => s.host === host.host)
      .map((s) => `${showSlots(s.slots)} ${showReplica(s.replica)}`);
    const redisCell = withRedis ? [redis.join(', ') || redisMissing(host)] : [];
    table.push([host.host, ...cells, ...redisCell, showDisk(host)]);
  }
  return table
    .toString()
    .split('\n')
    .map((line) => line.trimEnd());
}

function redisMissing(host: ObservedHost): string {
  return host.reachable ? 'no master' : '?';
}

function showReplica(replica: { host: string; linkUp: boolean } | undefined): string {
  if (!replica) return '(none)';
  return `(${replica.host} ${replica.linkUp ? 'ok' : 'not in sync'})`;
}

function showDisk(host: ObservedHost): string {
  return host.reachable ? `${Math.round(host.diskUsedPercent)}%` : '?';
}

function paintState(state: PartState, colors: Colors): string {
  if (state === 'ready') return colors.green('ready');
  if (state === 'not here') return colors.dim('-');
  if (state === 'unseen') return colors.yellow('?');
  return colors.red(state);
}

/** The same on many hosts is one line, with the command for the first of them. */
function joinHosts(findings: Finding[]): Finding[] {
  const joined = new Map<string, Finding & { hosts: string[] }>();
  for (const finding of findings) {
    const key = `${finding.severity} ${finding.code} ${finding.text}`;
    const known = joined.get(key);
    if (known && finding.host) known.hosts.push(finding.host);
    else joined.set(key, { ...finding, hosts: finding.host ? [finding.host] : [] });
  }
  return [...joined.values()].map(({ hosts, ...finding }) => ({ ...finding, host: showHosts(hosts) || undefined }));
}

function renderFinding({ code, severity, host, text, hint }: Finding, colors: Colors): string {
  const symbols = {
    down: colors.red('✘'),
    unknown: colors.yellow('?'),
    degraded: colors.yellow('!'),
    note: colors.dim('i'),
  };
  const symbol = symbols[severity];
  const line = ` ${symbol} ${colors.bold(code)} ${host ? `${host}: ` : ''}${text}`;
  return hint ? `${line}   → ${hint}` : line;
}

/** More names than these are counted. */
const shownKeys = 4;

function renderDifference({ observed, differing }: StatusFacts): string[] {
  if (!differing) return [describeNoRecord(observed)];
  if (differing.length === 0) return [];
  const names = differing.slice(0, shownKeys).join(', ');
  const rest = differing.length > shownKeys ? ', …' : '';
  const keys = differing.length === 1 ? '1 key' : `${differing.length} keys`;
  return [` i your .env differs from the record in ${keys}: ${names}${rest}   → krakenctl plan`];
}

/** No record is one that a majority has; where too few were seen, nothing is known of it. */
function describeNoRecord({ hosts }: Observed): string {
  const seen = hosts.filter(isSeen);
  const unseen = hosts.filter((h) => !isSeen(h)).map((h) => h.host);
  if (seen.length <= hosts.length / 2)
    return ` ? the record of a deploy could not be read: ${showHosts(unseen)} not seen`;
  const holders = seen.filter((h) => h.record).map((h) => h.host);
  if (holders.length > 0)
    return ` i a deploy is recorded on ${showHosts(holders)} of ${hosts.length} nodes, which is no majority   → krakenctl deploy`;
  if (unseen.length > 0) return ' i no node that was seen has a record of a deploy';
  return ' i no node has a record of a deploy yet   → krakenctl deploy';
}
