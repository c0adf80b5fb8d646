import type { Command } from 'commander';
import { stewardScheduleId } from '../../contracts/queues';
import { readConfiguration } from '../configuration';
import { type Temporal, withTemporal } from '../connect';
import type { Context, Wire } from '../context';
import { CliFailure } from '../failure';
import { nameActor } from '../operation-identity';
import { parseReason, reasonOption } from '../reasons';
import { findSteward } from '../steward';
import { renderSteward } from '../steward-text';

interface ReasonOptions {
  reason?: string;
}

export function addTlsScheduleCommands(tls: Command, wire: Wire): void {
  const schedule = tls.command('schedule').description('the certificate steward, which makes others in time');
  schedule
    .command('show')
    .description('when its last turn was, what came of it, and when the next is')
    .action(wire((context) => withSchedule(context, show)));
  schedule
    .command('pause')
    .description('no turns until it is resumed; deploys leave it paused')
    .option(...reasonOption)
    .action(wire<ReasonOptions>((context, options) => pause(context, options)));
  schedule
    .command('resume')
    .description('turns as before')
    .action(wire((context) => withSchedule(context, resume)));
  schedule
    .command('trigger')
    .description('a turn now, paused or not')
    .action(wire((context) => withSchedule(context, trigger)));
}

interface Asked {
  context: Context;
  temporal: Temporal;
  cluster: string;
}

function withSchedule(context: Context, work: (asked: Asked) => Promise<void>): Promise<void> {
  return readConfiguration(context).then(({ spec }) =>
    withTemporal({ environment: context.environment }, async (temporal) => {
      try {
        await work({ context, temporal, cluster: spec.name });
      } catch (error) {
        throw error instanceof Error && error.name === 'ScheduleNotFoundError' ? noSteward(spec.name) : error;
      }
    }),
  );
}

function noSteward(cluster: string): CliFailure {
  const text = `${cluster} has no certificate steward: Temporal has no schedule ${stewardScheduleId(cluster)}`;
  return new CliFailure('NO_STEWARD', text, { hint: 'ENABLE_TLS=true and krakenctl deploy make it' });
}

const handleOf = ({ temporal, cluster }: Asked) => temporal.client.schedule.getHandle(stewardScheduleId(cluster));

async function show({ context: { output }, temporal, cluster }: Asked): Promise<void> {
  const steward = await findSteward(temporal, cluster);
  if (steward.state === 'missing') throw noSteward(cluster);
  output.result({ cluster, schedule: stewardScheduleId(cluster), steward });
  output.lines(renderSteward(steward, output.colors));
}

/** Its note is `WHO: WHY`, as `status` shows it. */
async function pause(context: Context, { reason }: ReasonOptions): Promise<void> {
  const why = parseReason(reason);
  const actor = nameActor(context.environment);
  await withSchedule(context, async (asked) => {
    await handleOf(asked).pause(why ? `${actor}: ${why}` : actor);
    await show(asked);
  });
}

async function resume(asked: Asked): Promise<void> {
  await handleOf(asked).unpause(`resumed by ${nameActor(asked.context.environment)}`);
  await show(asked);
}

async function trigger(asked: Asked): Promise<void> {
  const { output } = asked.context;
  await handleOf(asked).trigger();
  output.result({ cluster: asked.cluster, schedule: stewardScheduleId(asked.cluster), triggered: true });
  output.line(`a turn was asked for; where one is under way, it is that one · what comes of it: krakenctl tls status`);
}
