import type { Command } from 'commander';
import { outdatedInstalls } from '../../cluster/agents/install-source';
import { listAgents, pullOnVms, readRoster, recordedLogins, showAgent } from '../agent-listing';
import { renderAgent, renderAgents, renderEnrolled, renderPulls, stateOf } from '../agent-text';
import { type FleetOptions, nameVms, operateFleet } from '../agents';
import { type AuthOptions, revokeVm } from '../auth';
import { createToken, defaultTtl, listTokens, revokeToken, type TokenOptions } from '../auth-tokens';
import { readConfiguration } from '../configuration';
import { withTemporal } from '../connect';
import type { Context, Wire } from '../context';
import { type ExitCode, exitCodes } from '../exit-codes';
import { CliFailure } from '../failure';
import { parseWholeNumber } from '../numbers';
import { findPollers, requireWorker } from '../pollers';
import { reasonOption } from '../reasons';
import { addRunOptions } from '../run-options';
import { showForeign } from '../terminal-text';

const holder = 'another operation on agents';
const maxFailures = [
  '--max-failures <n|p%>',
  'VMs that may be left behind; more stop the operation (default: 0)',
] as const;
const canary = ['--canary <n>', 'VMs that must serve before any other is begun (default: 1)'] as const;
const batch = ['--batch <n|p%>', 'VMs of each batch after the canary (default: 100%)'] as const;
const file = ['--file <path>', 'VMs from a file, one a line'] as const;
const vms = ['[vm...]', '[user@]address[:port], also 10.0.2.{10..20}'] as const;

export function addAgentCommands(program: Command, wire: Wire): void {
  const agent = program.command('agent').description('agents on VMs');
  const run = (verb: 'deploy' | 'upgrade' | 'restart' | 'remove') =>
    wire<FleetOptions>((context, options, words) => operateFleet(context, { verb, words, options }));
  const fleet = (verb: 'deploy' | 'upgrade' | 'restart' | 'remove', description: string) => {
    const command = agent
      .command(verb)
      .description(description)
      .argument(...vms)
      .option(...file)
      .option('--concurrency <n>', 'VMs at once')
      .option(...maxFailures)
      .option('--retry-failed <op>', 'those that this operation left behind');
    return addRunOptions(command, holder).action(run(verb));
  };
  for (const [verb, text] of [
    ['deploy', 'bring an agent to VMs, or what is there to what .env says'],
    ['upgrade', 'the same for all agents of the record, or for those that are named'],
  ] as const) {
    fleet(verb, text)
      .option(...canary)
      .option(...batch)
      .option('--accept-new-host-keys', 'pin the keys of VMs that are not known yet');
  }
  fleet('restart', 'start agents anew');
  fleet('remove', 'take agents away, with their data')
    .option('--all', 'every agent of the record')
    .option('--forget', 'VMs that do not come back: off the record, and nobody logs in there');
  const revoke = agent
    .command('revoke')
    .description('the credential of a VM lets it in nowhere any more; agent deploy gives it another')
    .argument('<vm>')
    .option(...reasonOption);
  addRunOptions(revoke, 'another operation on logins').action(wire<AuthOptions>(revokeVm));
  const token = agent
    .command('token')
    .description('lets VMs that nobody logs in to enrol themselves, where logins are needed');
  const create = token
    .command('create')
    .description('a new token, shown once, with the line to type on a VM')
    .option('--ttl <duration>', `how long it holds (default: ${defaultTtl})`)
    .option('--uses <n>', 'how many VMs may come with it (default: 1)')
    .option(...reasonOption);
  addRunOptions(create, 'another operation on logins').action(wire<TokenOptions>(createToken));
  token.command('list').description('what holds, and who came with it').action(wire(listTokens));
  const untoken = token
    .command('revoke')
    .description('nobody enrols with it any more; VMs that did stay')
    .argument('<token>')
    .option(...reasonOption);
  addRunOptions(untoken, 'another operation on logins').action(wire<AuthOptions>(revokeToken));
  const publish = agent
    .command('publish')
    .description('what VMs install from, onto the load balancers; those that installed themselves follow')
    .option(...maxFailures)
    .option(...canary)
    .option(...batch);
  addRunOptions(publish, holder).action(
    wire<FleetOptions>((context, options) => operateFleet(context, { verb: 'publish', words: [], options })),
  );
  agent.command('list').description('every agent, as it is now').action(wire(list));
  agent
    .command('show')
    .description('one agent, with the reason of each of its settings')
    .argument('<vm>')
    .action(wire(show));
  agent
    .command('logs')
    .description('of one agent; read over SSH from this machine')
    .argument('<vm>')
    .option('-f, --follow', 'go on until Ctrl-C')
    .option('--tail <n>', 'last lines', '100')
    .action(wire<{ follow?: boolean; tail: string }>(logs));
  agent
    .command('pull')
    .description('pull an image on VMs through their agents, and read its digest back')
    .argument('<image>')
    .option('--on <vm...>', 'these VMs')
    .option('--all', 'every agent of the record')
    .action(wire<{ on?: string[]; all?: boolean }>(pull));
}

async function list(context: Context): Promise<void> {
  const { spec } = await readConfiguration(context);
  await withTemporal({ environment: context.environment }, async (temporal) => {
    requireWorker(await findPollers(temporal));
    const { agents, unseen, enrolled, installs } = await listAgents(temporal, spec);
    const rows = agents.map((row) => ({ state: stateOf(row), ...row }));
    context.output.result({ agents: rows, enrolled });
    for (const row of rows) context.output.item(row);
    const view = { colors: context.output.colors, now: Date.now(), unseen: unseen.length };
    context.output.lines([...renderAgents(agents, view), ...renderEnrolled(enrolled)]);
    for (const { host, error } of unseen) context.output.line(` ! ${host}, which keeps the list too: ${error}`);
    for (const { host } of outdatedInstalls(installs))
      context.output.line(` ! ${host} serves an older /install than the others   → krakenctl agent publish`);
  });
}

async function show(context: Context, _: unknown, [word = '']: string[]): Promise<void> {
  const { spec } = await readConfiguration(context);
  const named = nameVms(spec, [word]);
  await withTemporal({ environment: context.environment }, async (temporal) => {
    requireWorker(await findPollers(temporal));
    const [vm] = await recordedLogins(temporal, spec, named);
    const agents = await showAgent(temporal, spec, vm!);
    context.output.result(agents.map((row) => ({ state: stateOf(row), ...row }))[0]);
    context.output.lines(agents.flatMap((a) => renderAgent(a, { colors: context.output.colors, now: Date.now() })));
  });
}

async function logs(
  context: Context,
  options: { follow?: boolean; tail: string },
  [word = '']: string[],
): Promise<void> {
  const lines = parseWholeNumber(options.tail, { option: '--tail', min: 0 });
  const { spec } = await readConfiguration(context);
  const [named] = nameVms(spec, [word]);
  const { output, signal } = context;
  const { withVm } = require('../local') as typeof import('../local');
  await withVm(spec, named!, async ({ agent }, vm) => {
    if (options.follow) {
      return agent.follow({ lines, signal, onLine: (line) => output.line(showForeign(line)) });
    }
    const text = (await agent.tail(lines)).split('\n').filter((line) => line !== '');
    output.result({ vm, lines: text });
    output.lines(text.map(showForeign));
  });
}

async function pull(
  context: Context,
  options: { on?: string[]; all?: boolean },
  [image = '']: string[],
): Promise<ExitCode> {
  if ((options.on === undefined) === (options.all === undefined)) {
    throw new CliFailure('USAGE', 'expected one of --on VM... and --all', {
      hint: 'krakenctl agent pull IMAGE --on 10.0.2.10',
    });
  }
  if (!/^[A-Za-z0-9][A-Za-z0-9._:/@-]{0,511}$/.test(image)) {
    throw new CliFailure('USAGE', `${image}: expected an image such as library/nginx:1.27`);
  }
  const { spec } = await readConfiguration(context);
  const named = nameVms(spec, options.on ?? []);
  return withTemporal({ environment: context.environment }, async (temporal) => {
    requireWorker(await findPollers(temporal));
    const targets = options.all ? (await readRoster(temporal, spec)).vms : await recordedLogins(temporal, spec, named);
    const pulls = await pullOnVms(temporal, spec, { vms: targets, image });
    context.output.result(pulls);
    context.output.lines(renderPulls(pulls, context.output.colors));
    const failed = pulls.filter(({ ok }) => !ok);
    if (failed.length === 0) return exitCodes.done;
    if (context.output.isText) return exitCodes.partial;
    throw new CliFailure('LEFT_TO_DO', `${failed.length} of ${pulls.length} VMs have not got it`, { data: pulls });
  });
}
