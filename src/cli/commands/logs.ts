import type { Command } from 'commander';
import { type ClusterSpec, type PartName, partNames } from '../../cluster/spec';
import { readConfiguration } from '../configuration';
import type { Context, Wire } from '../context';
import { CliFailure } from '../failure';
import { type FilterOptions, hostsOption, readFilter, rolesOption } from '../filters';
import { collectLogs, followLogs, type LogRequest, readLogs } from '../log-reading';
import { requireAll, showLogs } from '../log-text';
import { parseWholeNumber } from '../numbers';
import { findOperationWindow } from '../operation-window';

interface LogsOptions extends FilterOptions {
  follow?: boolean;
  tail?: string;
  op?: string;
  collect?: boolean;
}

export function addLogsCommand(program: Command, wire: Wire): void {
  program
    .command('logs')
    .description('of one part, of a node, or of all; read over SSH from this machine')
    .argument('[node]', 'node-1 …; default: all')
    .argument('[part]', `${partNames.join(', ')}; default: all`)
    .option('-f, --follow', 'go on until Ctrl-C')
    .option('--tail <n>', 'last lines of each part')
    .option(...hostsOption)
    .option(...rolesOption)
    .option('--op <id>', 'only what was logged while this operation ran')
    .option('--collect', 'into files under LOG_DIR instead')
    .action(wire<LogsOptions>(logs));
}

async function logs(context: Context, options: LogsOptions, [node, part]: string[]): Promise<void> {
  const { output } = context;
  const asked = options.tail === undefined ? undefined : parseWholeNumber(options.tail, { option: '--tail', min: 0 });
  const configuration = await readConfiguration(context);
  const { spec } = configuration;
  const targets = pickTargets(spec, { ...options, node, part });
  const window = options.op ? await findOperationWindow(context, configuration, options.op) : undefined;
  const tail = asked ?? defaultTail(options, targets.length);
  const request: LogRequest = { spec, targets, tail, window };
  if (options.collect) {
    const { found, collected } = await collectLogs(request, configuration.logDir);
    output.result(collected);
    output.line(`${collected.files.length} logs in ${collected.folder}`);
    return requireAll(found);
  }
  if (options.follow) return requireAll(await followLogs(context, request));
  showLogs(output, await readLogs(request));
}

/** One part is read; many are looked over. */
function defaultTail({ op, collect }: LogsOptions, targets: number): number {
  if (op || collect) return 10_000;
  return targets === 1 ? 100 : 10;
}

interface Wanted extends FilterOptions {
  node?: string;
  part?: string;
}

function pickTargets(spec: ClusterSpec, { node, part, hosts, roles }: Wanted): LogRequest['targets'] {
  if (node !== undefined && hosts !== undefined) throw oneOf(`${node} and --hosts`);
  if (part !== undefined && roles !== undefined) throw oneOf(`${part} and --roles`);
  const known = spec.nodes.map((n) => n.id);
  if (node !== undefined && !known.includes(node)) {
    throw new CliFailure('USAGE', `no node ${node}; there are ${known.join(', ')}`, {
      hint: 'krakenctl logs node-1 origin',
    });
  }
  if (part !== undefined && !partNames.includes(part as PartName)) {
    throw new CliFailure('USAGE', `no part ${part}; there are ${partNames.join(', ')}`);
  }
  const filter = readFilter(spec, { hosts: hosts ?? node, roles: roles ?? part });
  const carries = (host: string, name: PartName) => name !== 'nginx' || spec.loadBalancers.includes(host);
  return filter.hosts.flatMap((host) =>
    filter.parts.filter((name) => carries(host, name)).map((name) => ({ host, part: name })),
  );
}

function oneOf(both: string): CliFailure {
  return new CliFailure('USAGE', `${both}: expected one of them`, { hint: 'krakenctl logs --help' });
}
