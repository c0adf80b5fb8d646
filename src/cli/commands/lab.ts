import type { Command } from 'commander';
import type { LabStatus } from '../../lab/lab';
import type { Context, Wire } from '../context';
import { CliFailure } from '../failure';
import { labProgressLines } from '../lab-progress';
import { parseWholeNumber } from '../numbers';
import { showDuration } from '../time-text';

interface UpOptions {
  nodes: string;
  vms: string;
}

const defaultName = 'demo';

export function addLabCommands(program: Command, wire: Wire): void {
  const lab = program.command('lab').description('hosts as real as VMs, as containers of this machine');
  const name = ['[name]', 'of the lab', defaultName] as const;
  lab
    .command('up')
    .description('bring a lab up, from nothing or from half made')
    .argument(...name)
    .option('--nodes <n>', 'hosts for the cluster', '3')
    .option('--vms <n>', 'hosts for agents', '0')
    .action(wire<UpOptions>(up));
  lab
    .command('status')
    .description('what is there')
    .argument(...name)
    .action(wire(status));
  lab
    .command('down')
    .description('remove it: no container, network or volume stays')
    .argument(...name)
    .option('--purge', 'the images it built and its cache too')
    .action(wire<{ purge?: boolean }>(down));
}

async function up({ output }: Context, options: UpOptions, [name = defaultName]: string[]): Promise<void> {
  const { labEnv, labUp } = require('../../lab/lab') as typeof import('../../lab/lab');
  const startedAt = Date.now();
  const lab = await labUp({
    name: parseName(name),
    nodes: parseWholeNumber(options.nodes, { option: '--nodes', min: 0 }),
    vms: parseWholeNumber(options.vms, { option: '--vms', min: 0 }),
    progress: labProgressLines(output),
  });
  output.result({ lab, env: labEnv(lab) });
  const images = lab.images.kraken === 'stand-in' ? 'STAND-IN images, not Kraken' : 'real Kraken images';
  output.line(`lab ${name} is up in ${showDuration(Date.now() - startedAt)}: ${lab.hosts.length} hosts, ${images}`);
  output.line('a .env for it:');
  output.lines(Object.entries(labEnv(lab)).map(([key, value]) => `  ${key}=${value}`));
}

async function status({ output }: Context, _: unknown, [name = defaultName]: string[]): Promise<void> {
  const { labStatus } = require('../../lab/lab') as typeof import('../../lab/lab');
  const state = await labStatus(parseName(name));
  output.result(state);
  output.lines(describeLab(state));
}

function describeLab({ name, up, hosts, registry, lab }: LabStatus): string[] {
  if (hosts.length === 0) return [`no lab ${name} · krakenctl lab up ${name}`];
  const lines = hosts.map((host) => ` ${host.name.padEnd(8)} ${host.address.padEnd(15)} ${host.state}`);
  const images = lab ? ` · ${lab.images.kraken} ${lab.images.versions.join(', ')}` : '';
  const where = registry ? `registry ${registry.fromHosts}` : 'no registry';
  return [`lab ${name} ${up ? 'is up' : 'is not whole'} · ${where}${images}`, ...lines];
}

async function down({ output }: Context, options: { purge?: boolean }, [name = defaultName]: string[]): Promise<void> {
  const { labDown } = require('../../lab/lab') as typeof import('../../lab/lab');
  const removal = await labDown(parseName(name), { purge: options.purge, progress: labProgressLines(output) });
  output.result(removal);
  const { containers, networks, volumes, images } = removal;
  output.line(
    `lab ${name} removed: ${containers} containers, ${networks} networks, ${volumes} volumes, ${images} images`,
  );
}

/** A lab's name becomes part of paths that `down` removes. */
function parseName(text: string): string {
  const { checkLabName } = require('../../lab/names') as typeof import('../../lab/names');
  try {
    checkLabName(text);
  } catch (error) {
    throw new CliFailure('USAGE', (error as Error).message, { cause: error });
  }
  return text;
}
