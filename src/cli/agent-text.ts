import type { EnrolledVm } from '../cluster/agents/install-source';
import { chooseP2p } from '../cluster/agents/p2p';
import { vmName } from '../cluster/agents/vm';
import type { AgentPull } from '../contracts/agents';
import type { AgentRow } from './agent-listing';
import type { Colors } from './output';
import { showDuration } from './time-text';

/** What an agent is now, in a word. */
export type AgentState = 'serving' | 'starting' | 'outdated' | 'stopped' | 'absent' | 'unreachable' | 'refused';

export function stateOf({ seen, plan }: AgentRow): AgentState {
  if (!seen.reachable) return 'unreachable';
  if (plan.kind === 'refused') return 'refused';
  if (seen.unit === 'absent' && !seen.current) return 'absent';
  if (seen.unit !== 'active' || seen.container?.state !== 'running') return 'stopped';
  if (plan.kind === 'work' && plan.activate) return 'outdated';
  return seen.ready ? 'serving' : 'starting';
}

function paint(state: AgentState, colors: Colors): (text: string) => string {
  if (state === 'serving') return colors.green;
  return state === 'unreachable' || state === 'stopped' || state === 'refused' ? colors.red : colors.yellow;
}

export interface AgentView {
  colors: Colors;
  now: number;
}

/** `unseen`: nodes whose list could not be read. */
export function renderAgents(agents: AgentRow[], view: AgentView & { unseen: number }): string[] {
  if (agents.length === 0 && view.unseen > 0) return ['no agent on the lists that could be read'];
  if (agents.length === 0) return ['no agent yet · krakenctl agent deploy 10.0.2.10'];
  const head = ['VM', 'STATE', 'RELEASE', 'P2P', 'PEER', 'WHAT NEXT'];
  const rows = agents.map((agent) => cellsOf(agent, view));
  const widths = head.map((title, i) => Math.max(title.length, ...rows.map((row) => row[i]!.length)));
  const line = (cells: string[], color: (text: string) => string = (text) => text) =>
    ` ${cells.map((cell, i) => (i === 1 ? color(cell.padEnd(widths[i]!)) : cell.padEnd(widths[i]!))).join('  ')}`.trimEnd();
  const lines = rows.map((row, i) => line(row, paint(stateOf(agents[i]!), view.colors)));
  return [...(lines.length > 0 ? [line(head)] : []), ...lines, countLine(agents, view)];
}

function cellsOf(agent: AgentRow, { now }: AgentView): string[] {
  const { seen, vm } = agent;
  const state = stateOf(agent);
  const facts = seen.reachable ? seen : undefined;
  return [
    vmName(vm),
    state,
    facts?.current ?? '-',
    facts?.choice?.className ?? '-',
    facts?.choice?.peer ?? '-',
    nextOf(agent, now),
  ];
}

function nextOf(agent: AgentRow, now: number): string {
  const { parked, plan, vm, revoked, leaving } = agent;
  if (leaving) return leavingText(agent, now);
  if (revoked) return `its credential was taken away → krakenctl agent deploy ${vmName(vm)} lets it in again`;
  if (parked) {
    const wait = showDuration(Math.max(0, parked.nextTryAt - now));
    return `parked, tried ${parked.tries} times, again in ${wait}: ${parked.why}`.slice(0, 120);
  }
  if (plan.kind === 'unreachable') return plan.why.slice(0, 120);
  if (plan.kind === 'refused') return `${plan.why} → ${plan.hint}`.slice(0, 120);
  if (plan.because.length > 0) return `${plan.because.join(', ')} → krakenctl agent deploy ${vmName(vm)}`.slice(0, 160);
  return '';
}

/** It was asked to go, and it is not known yet that it has gone. */
function leavingText({ vm, plan, parked }: AgentRow, now: number): string {
  const wait = parked && showDuration(Math.max(0, parked.nextTryAt - now));
  const why = parked?.why ?? (plan.kind === 'unreachable' ? plan.why : '');
  const next = parked ? `tried ${parked.tries} times, again in ${wait}` : `→ krakenctl agent remove ${vmName(vm)}`;
  return `to be removed ${next}${why && `: ${why}`}`.slice(0, 160);
}

/** Nobody has logged in there: what such a VM says of itself may be anybody's word. */
export function renderEnrolled(enrolled: EnrolledVm[]): string[] {
  return enrolled.map(({ address, host, release, failed, ageSeconds, leaving, verified }) => {
    const name = host ? ` (${host})` : '';
    const broken = failed ? `, release ${failed.release} did not get ready there` : '';
    const what = `installed itself, release ${release ?? 'unknown'}${broken}, heard ${showDuration(Math.max(0, ageSeconds) * 1000)} ago`;
    if (leaving) return ` i ${address}${name} was told to take its agent away, within five minutes of its next look`;
    if (verified) return ` i ${address}${name} ${what}, enrolled with a token`;
    return ` i ${address}${name} ${what}, unverified   → to look after it over SSH: krakenctl agent deploy ${address}`;
  });
}

function countLine(agents: AgentRow[], { colors }: AgentView): string {
  const staying = agents.filter((a) => !a.leaving);
  const serving = staying.filter((a) => stateOf(a) === 'serving').length;
  const parked = agents.filter((a) => a.parked).length;
  const going = agents.length - staying.length;
  const rest = parked > 0 ? `, ${parked} parked and tried again by themselves` : '';
  const text = `${serving} of ${staying.length} agents serve${going > 0 ? `, ${going} to be removed` : ''}${rest}`;
  return serving === agents.length ? colors.green(text) : colors.yellow(text);
}

export function renderAgent(agent: AgentRow, view: AgentView): string[] {
  const { seen, vm, wanted, parked } = agent;
  const state = stateOf(agent);
  const lines = [`${view.colors.bold(vmName(vm))}  ${paint(state, view.colors)(state)}  ssh ${vm}`];
  const next = nextOf(agent, view.now);
  if (next) lines.push(` ${parked ? '' : '→ '}${next}`);
  if (!seen.reachable) return lines;
  lines.push(` unit kraken-agent: ${seen.unit}${seen.enabled ? ', starts with the VM' : ''}`);
  lines.push(` release ${seen.current ?? '(none)'}${seen.current === wanted ? ', as wanted' : `, wanted ${wanted}`}`);
  if (seen.container) {
    const { image, state: is, startedAt } = seen.container;
    lines.push(` container ${is} since ${startedAt.slice(0, 19)}Z, image ${image}`);
  }
  if (seen.choice) {
    lines.push(` announces itself as ${seen.choice.peer}`, ' P2P settings of this VM:');
    for (const { name, value, because } of chooseP2p(seen.choice).settings)
      lines.push(`   ${name} = ${value}   because ${because}`);
  }
  return lines;
}

export function renderPulls(pulls: AgentPull[], colors: Colors): string[] {
  const lines = pulls.map(({ vm, ok, digest, via, seconds, error, hint }) => {
    if (!ok) return ` ${colors.red('✘')} ${vmName(vm)}: ${error ?? 'failed'}${hint ? `   → ${hint}` : ''}`;
    const how = via === 'agent' ? 'through its agent' : colors.yellow('through a load balancer, not its agent');
    return ` ${colors.green('✔')} ${vmName(vm)}: ${digest} ${how}${seconds === undefined ? '' : ` in ${seconds} s`}`;
  });
  const digests = new Set(pulls.filter((p) => p.ok).map((p) => p.digest));
  const ok = pulls.filter((p) => p.ok).length;
  const same =
    digests.size === 1
      ? ', the same digest on all of them'
      : digests.size > 1
        ? `, ${digests.size} different digests`
        : '';
  return [...lines, `${ok} of ${pulls.length} VMs have it${ok > 0 ? `, read back there${same}` : ''}`];
}
