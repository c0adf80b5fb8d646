import type { Finding } from '../cluster/preflight/findings';
import { describeHidden } from './filters';
import type { Colors } from './output';
import { showDuration } from './time-text';

export interface ChecklistLine {
  /** The line of the production checklist. */
  title: string;
  state: 'done' | 'failed' | 'open' | 'not yet';
  note: string;
}

export interface CheckView {
  cluster: string;
  hosts: number;
  through: string;
  tookMs: number;
  findings: Finding[];
  /** Findings of hosts that are not shown. */
  notShown?: number;
  checklist: ChecklistLine[];
}

export function renderCheck(view: CheckView, colors: Colors): string[] {
  const head = `cluster ${view.cluster} · ${view.hosts} hosts · looked at by ${view.through} in ${showDuration(view.tookMs)}`;
  const findings = merge(view.findings).flatMap((finding) => renderFinding(finding, colors));
  const titles = Math.max(...view.checklist.map((l) => l.title.length));
  const checklist = view.checklist.map(
    (line) => ` ${markOf(line.state, colors)} ${line.title.padEnd(titles)}  ${noteOf(line, colors)}`,
  );
  const hidden = describeHidden(view.notShown ?? 0, 'nodes');
  const none = hidden.length > 0 ? [] : [` ${colors.green('✔')} nothing speaks against a deploy`];
  return [
    head,
    '',
    ...(findings.length > 0 ? findings : none),
    ...hidden,
    '',
    'production checklist',
    ...checklist,
    '',
  ];
}

function noteOf({ state, note }: ChecklistLine, colors: Colors): string {
  return state === 'not yet' ? colors.dim(`not yet: ${note}`) : note;
}

function markOf(state: ChecklistLine['state'], colors: Colors): string {
  switch (state) {
    case 'done':
      return colors.green('✔');
    case 'failed':
      return colors.red('✘');
    case 'open':
      return colors.yellow('○');
    default:
      return colors.dim('–');
  }
}

interface Merged extends Finding {
  hosts: string[];
}

/** The same of several hosts is one line. */
function merge(findings: Finding[]): Merged[] {
  const merged = new Map<string, Merged>();
  for (const finding of findings) {
    const key = `${finding.code} ${finding.what}`;
    const known = merged.get(key) ?? { ...finding, hosts: [] };
    if (finding.host) known.hosts.push(finding.host);
    merged.set(key, known);
  }
  return [...merged.values()];
}

function renderFinding({ code, level, hosts, what, why, mend }: Merged, colors: Colors): string[] {
  const mark = level === 'failure' ? colors.red('✘') : colors.yellow('!');
  const where =
    hosts.length > 0 && !hosts.some((host) => what.startsWith(`${host} `) || what.startsWith(`${host}:`))
      ? `${hosts.join(', ')}: `
      : '';
  return [
    ` ${mark} ${colors.bold(code)} ${where}${what}`,
    `     ${colors.dim('why')}  ${why}`,
    `     ${colors.dim('mend')} ${mend}`,
  ];
}
