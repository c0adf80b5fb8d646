import { vmName } from '../cluster/agents/vm';
import type { FleetReport, FleetVerb } from '../contracts/agents';
import type { DeployView, DescribedReport } from './deploy-text';
import { showDuration } from './time-text';

export function isFleetReport(result: unknown): result is FleetReport {
  return typeof result === 'object' && result !== null && (result as Partial<FleetReport>).fleet === true;
}

const did: Record<FleetVerb, string> = {
  deploy: 'serve',
  upgrade: 'serve',
  restart: 'were restarted',
  remove: 'are gone',
  publish: 'were touched',
};

/** More names than these are counted. */
const shownVms = 20;

/** The last lines of an operation on agents. */
export function describeFleet(report: FleetReport, { colors, progress }: DeployView): DescribedReport {
  const { name, verb, total, done, changed, left } = report;
  const away = (report.unseen ?? []).map(
    ({ host, error }) => ` ! ${host} was left: ${error}   → once it is back: krakenctl agent publish`,
  );
  if (verb === 'publish') {
    const last = `Done. ${name}: VMs can install: curl -fsSL http://LOAD-BALANCER/install | sh`;
    return { lines: [...away, colors.green(last)], left: [] };
  }
  const took = progress?.endedAt ? ` in ${showDuration(progress.endedAt - progress.startedAt)}` : '';
  const lines = left.slice(0, shownVms).map(({ vm, state, why, hint }) => {
    const next = state === 'parked' ? 'is tried again by itself' : (hint ?? 'needs a person');
    return ` ${state === 'parked' ? colors.yellow('!') : colors.red('✘')} ${vmName(vm)}: ${state}: ${why}   → ${next}`;
  });
  if (left.length > shownVms) lines.push(`   and ${left.length - shownVms} more: krakenctl agent list`);
  lines.push(...away);
  const gone = report.dismissed ?? [];
  if (gone.length > 0)
    lines.push(` i ${gone.join(', ')} installed itself and takes its agent away within five minutes`);
  const count = `${done} of ${total} agents ${did[verb]}, ${changed} changed`;
  if (left.length === 0) {
    const last =
      changed === 0 && gone.length === 0
        ? `nothing to change · ${count}${took}`
        : `Done${took}. ${name}: ${count} · look: krakenctl agent list`;
    return { lines: [...lines, colors.green(last)], left: [] };
  }
  const retry = left.some((l) => l.state === 'failed') ? ` · again: krakenctl agent deploy --retry-failed ${name}` : '';
  lines.push(colors.yellow(`Done in part${took}. ${name}: ${count} · look: krakenctl agent list${retry}`));
  return { lines, left: left.map(({ vm, state }) => `${vmName(vm)} ${state}`) };
}
