import type { Command } from 'commander';
import type { Wire } from './context';

type AddNoun = (program: Command, wire: Wire) => void;

/** Every first word, in the order of the help, with the file that knows it; loaded when it is needed. */
export const nouns: Record<string, () => AddNoun> = {
  init: () => (require('./commands/init') as typeof import('./commands/init')).addInitCommand,
  check: () => (require('./commands/check') as typeof import('./commands/check')).addCheckCommand,
  plan: () => (require('./commands/plan') as typeof import('./commands/plan')).addPlanCommand,
  deploy: () => (require('./commands/deploy') as typeof import('./commands/deploy')).addDeployCommand,
  status: () => (require('./commands/status') as typeof import('./commands/status')).addStatusCommand,
  logs: () => (require('./commands/logs') as typeof import('./commands/logs')).addLogsCommand,
  agent: () => (require('./commands/agent') as typeof import('./commands/agent')).addAgentCommands,
  auth: () => (require('./commands/auth') as typeof import('./commands/auth')).addAuthCommands,
  op: () => (require('./commands/op') as typeof import('./commands/op')).addOperationCommands,
  firewall: () => (require('./commands/firewall') as typeof import('./commands/firewall')).addFirewallCommands,
  tls: () => (require('./commands/tls') as typeof import('./commands/tls')).addTlsCommands,
  cluster: () => (require('./commands/cluster') as typeof import('./commands/cluster')).addClusterCommands,
  worker: () => (require('./commands/worker') as typeof import('./commands/worker')).addWorkerCommands,
  temporal: () => (require('./commands/temporal') as typeof import('./commands/temporal')).addTemporalCommands,
  'codec-server': () =>
    (require('./commands/codec-server') as typeof import('./commands/codec-server')).addCodecServerCommand,
  lab: () => (require('./commands/lab') as typeof import('./commands/lab')).addLabCommands,
  config: () => (require('./commands/config') as typeof import('./commands/config')).addConfigCommands,
  test: () => (require('./commands/test') as typeof import('./commands/test')).addTestCommands,
  'support-bundle': () =>
    (require('./commands/support-bundle') as typeof import('./commands/support-bundle')).addSupportBundleCommand,
  completion: () => (require('./commands/completion') as typeof import('./commands/completion')).addCompletionCommand,
  demo: () => (require('./commands/demo') as typeof import('./commands/demo')).addDemoCommand,
  version: () => (require('./commands/version') as typeof import('./commands/version')).addVersionCommand,
};

/** Those that are named; all of them where none is, or where completion or help is about all. */
export function loadNouns(argv: string[]): AddNoun[] {
  const named = Object.keys(nouns).filter((noun) => argv.includes(noun));
  const about = argv.includes('completion') || argv.includes('help') || named.length === 0;
  return (about ? Object.keys(nouns) : named).map((noun) => nouns[noun]!());
}
