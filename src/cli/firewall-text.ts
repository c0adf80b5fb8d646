import type { FirewallPlan } from '../cluster/firewall/firewall-plan';
import type { FirewallLook, SeenFirewall } from '../cluster/firewall/observed';
import type { ClusterSpec } from '../cluster/spec';
import type { FirewallInspection, FirewallReport } from '../contracts/firewall';
import type { DeployView, DescribedReport } from './deploy-text';
import { differenceText, nameHost, ruleLines } from './firewall-rules-text';
import { showHosts } from './host-ranges';
import type { Colors } from './output';
import { showBrief, showDuration } from './time-text';

export interface FirewallView extends FirewallInspection {
  through: 'worker' | 'this process';
}

export interface FirewallTextView {
  spec: ClusterSpec;
  look: FirewallView;
  colors: Colors;
}

/** Which port is whose, then what would be done where. */
export function renderFirewallPlan({ spec, look, colors }: FirewallTextView): string[] {
  const { plan, looks, enrolled } = look;
  return [
    colors.bold(`cluster ${spec.name}: who may reach what`),
    ...ruleLines(
      spec,
      looks.map(({ host }) => host),
    ),
    colors.dim(' other ports are left alone; connections that are there stay'),
    '',
    ...changeLines({ spec, look, colors }),
    ...obstacleLines(plan, colors),
    ...enrolledLines(spec, enrolled, colors),
    `${verdictOf(look, colors)} · seen in ${showBrief(look.tookMs)}`,
  ];
}

function verdictOf({ plan, looks }: FirewallView, colors: Colors): string {
  if (plan.conflicts.length > 0) return 'krakenctl firewall apply changes nothing before that is mended';
  const changing = plan.hosts.filter(({ changes }) => changes).length;
  if (changing > 0) return `krakenctl firewall apply changes ${changing} of ${looks.length} hosts`;
  return colors.green(`nothing to change on ${plan.hosts.length} hosts`);
}

/** Hosts with the same reasons and differences stand together. */
function changeLines({ spec, look, colors }: FirewallTextView): string[] {
  const groups = new Map<string, { hosts: string[]; lines: string[] }>();
  for (const { host, because } of look.plan.hosts.filter(({ changes }) => changes)) {
    const seen = look.looks.find((l): l is SeenFirewall => l.reachable && l.host === host);
    const lines = seen?.loaded === 'none' ? [] : (seen?.differences ?? []).map((d) => differenceText(spec, d));
    const key = JSON.stringify([because, lines]);
    const group = groups.get(key) ?? { hosts: [], lines: [because.join('; '), ...lines] };
    group.hosts.push(nameHost(host));
    groups.set(key, group);
  }
  return [...groups.values()].flatMap(({ hosts, lines: [first = '', ...rest] }) => [
    `${colors.yellow(' ~')} ${showHosts(hosts)}  ${first}`,
    ...rest.map((line) => `     ${line}`),
  ]);
}

function obstacleLines({ conflicts, unseen }: FirewallPlan, colors: Colors): string[] {
  return [
    ...conflicts.map(({ host, what, mend }) => colors.red(` ✘ ${nameHost(host)}: ${what}: ${mend}`)),
    ...unseen.map(({ host, error }) => colors.yellow(` ! ${nameHost(host)} cannot be seen: ${error}`)),
  ];
}

/** Anybody who reaches a load balancer may say that he is a VM. */
function enrolledLines({ firewall }: ClusterSpec, enrolled: string[], colors: Colors): string[] {
  if (enrolled.length === 0) return [];
  const which = `${enrolled.length} VMs installed themselves (${showHosts(enrolled.slice(0, 5))}${enrolled.length > 5 ? ' …' : ''})`;
  const count = firewall?.peers ? 'those outside of FIREWALL_PEERS' : 'without FIREWALL_PEERS they';
  return [colors.yellow(` ! ${which}: ${count} get no pieces from nodes and other VMs`)];
}

/** A host a line; then everything that a person should know. */
export function renderFirewallStatus({ spec, look, colors }: FirewallTextView): { lines: string[]; drifts: boolean } {
  const { looks, enrolled, tookMs, through } = look;
  const width = Math.max(...looks.map(({ host }) => nameHost(host).length));
  const withRules = looks.filter((l) => l.reachable && l.loaded !== 'none').length;
  const behind = new Map(look.plan.hosts.filter(({ changes }) => changes).map((h) => [h.host, h.because.join('; ')]));
  const isOff = looks.every((l) => l.reachable && !hasAny(l));
  const lines = looks.map((one) => ` ${nameHost(one.host).padEnd(width)}  ${describeLook(one, { colors, behind })}`);
  return {
    lines: [
      `${colors.bold(spec.name)}  firewall · rules are loaded on ${withRules} of ${looks.length} hosts · seen by ${through === 'worker' ? 'the worker' : 'this machine'} in ${showBrief(tookMs)}`,
      ...lines,
      ...looks.flatMap((one) => remarksOf(one, { spec, colors })),
      ...(isOff ? [] : enrolledLines(spec, enrolled, colors)),
    ],
    drifts: !isOff && (behind.size > 0 || looks.some((l) => !l.reachable)),
  };
}

function hasAny({ loaded, keptSum, trialSum, unitPresent }: SeenFirewall): boolean {
  return loaded !== 'none' || keptSum !== undefined || trialSum !== undefined || unitPresent;
}

function describeLook(look: FirewallLook, { colors, behind }: { colors: Colors; behind: Map<string, string> }): string {
  if (!look.reachable) return colors.yellow(`cannot be seen: ${look.error}`);
  if (!hasAny(look)) return colors.dim('no rules of krakenctl');
  const why = behind.get(look.host);
  const state = why === undefined ? colors.green('as .env says') : colors.yellow(why);
  const dropped = look.dropped.filter(({ packets }) => packets > 0).map(({ port, packets }) => `${port}: ${packets}`);
  return `${state}${dropped.length > 0 ? ` · dropped packets ${dropped.join(', ')}` : ''}`;
}

function remarksOf(look: FirewallLook, { spec, colors }: { spec: ClusterSpec; colors: Colors }): string[] {
  if (!look.reachable) return [];
  const { host, loaded, differences, armedSeconds, reverted } = look;
  const about = (text: string) => colors.yellow(` ! ${nameHost(host)}: ${text}`);
  const trial = armedSeconds === undefined ? [] : [about(`rules are on trial and are taken back in ${armedSeconds} s`)];
  const back =
    reverted === undefined
      ? []
      : [
          about(
            `rules were taken back at ${reverted.at}, ${reverted.to === 'kept' ? 'the ones before hold' : 'there were none before'}`,
          ),
        ];
  const drift = loaded === 'none' ? [] : differences.map((d) => about(differenceText(spec, d)));
  return [...trial, ...back, ...drift];
}

/** The last lines of an operation that ended well. */
export function describeFirewall(report: FirewallReport, { colors, progress }: DeployView): DescribedReport {
  const { action, plan, name } = report;
  const left = report.left.map(({ host, why }) => `${nameHost(host)}: ${why}`);
  const leftLines = [
    ...left.map((text) => colors.yellow(` ! left to do: ${text}`)),
    ...(left.length > 0 ? [` when it can be reached: krakenctl firewall ${action}`] : []),
  ];
  if (!report.changed) return { lines: [colors.green('nothing to change'), ...leftLines], left };
  const took = progress?.endedAt ? ` in ${showDuration(progress.endedAt - progress.startedAt)}` : '';
  const changed = plan.hosts.filter(({ changes }) => changes).map(({ host }) => nameHost(host));
  const what = action === 'apply' ? 'rules are kept on' : 'rules are gone from';
  return { lines: [` ${what} ${showHosts(changed)}`, ...leftLines, colors.green(`Done${took}. ${name}`)], left };
}
