import { vmName } from '../cluster/agents/vm';
import type { FleetReport, FleetVerb, InstalledReport } from '../contracts/agents';
import type { DeployView, DescribedReport } from './deploy-text';
import type { Colors } from './output';
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
export function describeFleet(report: FleetReport, { colors, progress, spec }: DeployView): DescribedReport {
  const { name, verb, total, done, changed, left, installed } = report;
  const unattended = installed ? describeInstalled(installed, colors) : { lines: [], left: [] };
  const away = (report.unseen ?? []).map(
    ({ host, error }) => ` ! ${host} was left: ${error}   → once it is back: krakenctl agent publish`,
  );
  if (verb === 'publish') {
    const asked = spec?.tls ? '--cacert ca.crt https' : 'http';
    const isWhole = unattended.left.length === 0;
    const last = `${isWhole ? 'Done' : 'Done in part'}. ${name}: VMs can install: curl -fsSL ${asked}://LOAD-BALANCER/install | sh`;
    const lines = [...unattended.lines, ...away, isWhole ? colors.green(last) : colors.yellow(last)];
    return { lines, left: unattended.left };
  }
  const took = progress?.endedAt ? ` in ${showDuration(progress.endedAt - progress.startedAt)}` : '';
  const lines = left.slice(0, shownVms).map(({ vm, state, why, hint }) => {
    const next = state === 'parked' ? 'is tried again by itself' : (hint ?? 'needs a person');
    return ` ${state === 'parked' ? colors.yellow('!') : colors.red('✘')} ${vmName(vm)}: ${state}: ${why}   → ${next}`;
  });
  if (left.length > shownVms) lines.push(`   and ${left.length - shownVms} more: krakenctl agent list`);
  lines.push(...unattended.lines, ...away);
  const { dismissed: gone = [], forgotten = [] } = report;
  if (gone.length > 0)
    lines.push(` i ${gone.join(', ')} installed itself and takes its agent away within five minutes`);
  if (forgotten.length > 0) lines.push(` i off the record, whatever is on it: ${forgotten.join(', ')}`);
  const count = `${done} of ${total} agents ${did[verb]}, ${changed} changed`;
  if (left.length === 0 && unattended.left.length === 0) {
    const last =
      changed === 0 && gone.length + forgotten.length === 0 && !installed?.followed
        ? `nothing to change · ${count}${took}`
        : `Done${took}. ${name}: ${count} · look: krakenctl agent list`;
    return { lines: [...lines, colors.green(last)], left: [] };
  }
  const retry = left.some((l) => l.state === 'failed')
    ? ` · again: krakenctl agent ${verb} --retry-failed ${name}`
    : '';
  lines.push(colors.yellow(`Done in part${took}. ${name}: ${count} · look: krakenctl agent list${retry}`));
  return { lines, left: [...left.map(({ vm, state }) => `${vmName(vm)} ${state}`), ...unattended.left] };
}

/** VMs that installed themselves: they try again by themselves, but not what they put back. */
function describeInstalled({ there, followed, left, away }: InstalledReport, colors: Colors): DescribedReport {
  const lines = left.slice(0, shownVms).map(({ address, state, why }) => {
    const mark = state === 'failed' ? colors.red('✘') : colors.yellow('!');
    const next = state === 'failed' ? 'tried again by the next: krakenctl agent publish' : 'follows by itself';
    return ` ${mark} ${address}, which installed itself: ${state}: ${why}   → ${next}`;
  });
  if (left.length > shownVms) lines.push(`   and ${left.length - shownVms} more: krakenctl agent list`);
  const total = there + followed + left.length;
  const silent = away > 0 ? `; ${away} more had not looked for long and follow by themselves` : '';
  if (total + away > 0)
    lines.push(
      ` i ${there + followed} of ${total} VMs that installed themselves have it, ${followed} by this${silent}`,
    );
  return { lines, left: left.map(({ address, state }) => `${address} ${state}`) };
}
