import type { Command } from 'commander';
import { type ClusterRecord, isSeen, type Observed } from '../../cluster/observed';
import { highestRecord } from '../../cluster/record';
import { judgeServing } from '../../cluster/serving';
import type { ClusterSpec } from '../../cluster/spec';
import { type Configuration, readConfiguration } from '../configuration';
import type { Context, Wire } from '../context';
import { exitCodes } from '../exit-codes';
import { CliFailure } from '../failure';
import { type Filter, type FilterOptions, hostsOption, isShown, readFilter, rolesOption } from '../filters';
import { lookAtCluster } from '../inspect';
import { differingKeys } from '../origins';
import { renderStatus, type StatusFacts } from '../status-text';
import { parseDuration } from '../time-text';

interface StatusOptions extends FilterOptions {
  watch?: string | boolean;
}

const watchEveryMs = 2000;

export function addStatusCommand(program: Command, wire: Wire): void {
  program
    .command('status')
    .description('does it serve: every part of every host, probed now (exit 11: not whole)')
    .option('--watch [interval]', 'again and again, until Ctrl-C')
    .option(...hostsOption)
    .option(...rolesOption)
    .action(wire<StatusOptions>(status));
}

async function status(context: Context, options: StatusOptions): Promise<number> {
  const configuration = await readConfiguration(context);
  const filter = readFilter(configuration.spec, options);
  if (options.watch) return watch(context, configuration, { interval: options.watch, filter });
  const facts = await gatherStatus(context, configuration);
  context.output.result(toData(facts, filter));
  context.output.lines(renderStatus(facts, context.output.colors, filter));
  return conclude(context, facts, filter);
}

/** An unhealthy cluster is an answer for a person and a failure for a script. */
function conclude({ output }: Context, facts: StatusFacts, filter: Filter): number {
  if (facts.serving.state === 'serving') return exitCodes.done;
  if (output.isText) return exitCodes.unhealthy;
  const worst = facts.serving.findings.find((f) => f.severity !== 'note');
  throw new CliFailure('NOT_SERVING', `${facts.spec.name} is ${facts.serving.state}: ${worst?.text ?? ''}`, {
    host: worst?.host,
    hint: worst?.hint,
    retryable: true,
    data: toData(facts, filter),
  });
}

interface Watching {
  interval: string | boolean;
  filter: Filter;
}

async function watch(context: Context, configuration: Configuration, { interval, filter }: Watching): Promise<number> {
  const everyMs = interval === true ? watchEveryMs : parseDuration(String(interval));
  if (everyMs === undefined) throw new CliFailure('USAGE', `--watch ${interval}: expected a time such as 5s`);
  const { output, signal } = context;
  let ended = signal.aborted;
  const end = new Promise<void>((resolve) =>
    signal.addEventListener('abort', () => {
      ended = true;
      resolve();
    }),
  );
  while (!ended) {
    const facts = await gatherStatus(context, configuration);
    if (ended) break;
    output.item(toData(facts, filter));
    output.result(toData(facts, filter));
    if (output.isLive) output.streams.out('\x1b[H\x1b[2J');
    output.lines([...renderStatus(facts, output.colors, filter), '']);
    await Promise.race([end, new Promise((resolve) => setTimeout(resolve, everyMs))]);
  }
  return exitCodes.done;
}

export async function gatherStatus(context: Context, configuration: Configuration): Promise<StatusFacts> {
  const { spec } = configuration;
  const { observed, record, running, steward } = await lookAtCluster(context, configuration, { probe: true });
  return {
    spec,
    observed,
    serving: judgeServing({ spec, observed, nowMs: Date.now(), steward: steward?.state }),
    version: versionOf(spec, observed, record),
    images: await labImages(spec),
    differing: record && differingKeys(spec, record.spec),
    running,
    ...(steward && { steward }),
    at: new Date(),
  };
}

/** Where too few were seen for a majority, what those say. */
function versionOf(spec: ClusterSpec, { hosts }: Observed, record?: ClusterRecord): string | undefined {
  const seen = hosts.filter(isSeen);
  const recorded = record ?? highestRecord(seen);
  return recorded?.spec.images.version ?? (seen.length === hosts.length ? spec.images.version : undefined);
}

/** The product cannot tell a stand-in from Kraken; the lab that made the images can. */
async function labImages(spec: ClusterSpec): Promise<string | undefined> {
  const { readLab } = require('../../lab/record') as typeof import('../../lab/record');
  const lab = await readLab(spec.name).catch(() => undefined);
  const addresses = new Set(lab?.hosts.map((h) => h.address));
  return lab && spec.nodes.every((n) => addresses.has(n.address)) ? lab.images.kraken : undefined;
}

function toData(facts: StatusFacts, filter: Filter) {
  const { spec, observed, serving, version, images, differing, running, steward, at } = facts;
  const findings = serving.findings.filter((finding) => isShown(filter, finding));
  const hosts = observed.hosts.filter(({ host }) => filter.hosts.includes(host));
  const notShown = serving.findings.length - findings.length;
  return {
    cluster: spec.name,
    state: serving.state,
    findings,
    ...(notShown > 0 && { notShown }),
    version: version ?? null,
    images: images ?? null,
    differing: differing ?? null,
    running: running ?? null,
    ...(steward && { steward }),
    at: at.toISOString(),
    hosts: hosts.map((host) => (host.reachable ? { ...host, images: undefined, record: undefined } : host)),
  };
}
