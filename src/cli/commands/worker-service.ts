import { userInfo } from 'node:os';
import type { Command } from 'commander';
import type { Context, Wire } from '../context';

interface InstallOptions {
  user?: string;
  dryRun?: boolean;
}

export function addWorkerServiceCommands(worker: Command, wire: Wire): void {
  worker
    .command('install')
    .description('as a systemd service of this machine, started with it; takes TEMPORAL_* from this shell')
    .option('--user <user>', 'who it runs as; reads the SSH key and the codec key; default: you')
    .option('--dry-run', 'show what would be written')
    .action(wire<InstallOptions>(install));
  worker
    .command('uninstall')
    .description('stop and remove the service; its state folder stays')
    .action(wire(uninstall));
}

async function install({ output, environment }: Context, { user, dryRun }: InstallOptions): Promise<void> {
  const { installService, planService } =
    require('../systemd/worker-service') as typeof import('../systemd/worker-service');
  const { unitName } = require('../systemd/unit') as typeof import('../systemd/unit');
  const { logFormat } = output;
  const plan = planService({ user: user ?? environment.SUDO_USER ?? userInfo().username, environment, logFormat });
  const files = plan.files.map(({ path, mode, text, secret }) => ({
    path,
    mode: mode.toString(8).padStart(4, '0'),
    text: secret ? text.replaceAll(/^(\w*(?:KEY|SECRET|TOKEN|META)\w*)=.*$/gm, hideValue) : text,
  }));
  if (dryRun) {
    output.result({ dryRun: true, files });
    for (const { path, mode, text } of files) output.lines([`${path}, mode ${mode}`, text]);
    return;
  }
  const { pid } = await installService(plan);
  output.result({ unit: unitName, user: plan.unit.user, pid, active: true, files: files.map(({ path }) => path) });
  output.line(`${output.colors.green('✔')} ${unitName} is active, pid ${pid}, as ${plan.unit.user}`);
  output.line(' next: krakenctl worker status · its log: journalctl -u krakenctl-worker');
}

/** A path to a key is worth seeing, a key is not. */
function hideValue(line: string, name: string): string {
  return /_(FILE|PATH|DIR)$/.test(name) ? line : `${name}="[redacted]"`;
}

async function uninstall({ output }: Context): Promise<void> {
  const { serviceStateFolder, uninstallService } =
    require('../systemd/worker-service') as typeof import('../systemd/worker-service');
  const { unitName } = require('../systemd/unit') as typeof import('../systemd/unit');
  const removed = await uninstallService();
  output.result({ unit: unitName, removed });
  output.line(removed ? `${unitName} is removed; ${serviceStateFolder} stays` : `${unitName} was not installed`);
}
