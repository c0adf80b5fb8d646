import type { Command } from 'commander';
import type { Context, Wire } from '../context';

interface DemoOptions {
  down?: boolean;
  purge?: boolean;
}

export function addDemoCommand(program: Command, wire: Wire): void {
  program
    .command('demo')
    .description('everything on this machine: lab, Temporal, worker, a deployed cluster, an image pushed and pulled')
    .option('--down', 'remove all of it')
    .option('--purge', 'with --down: images and caches too')
    .action(wire<DemoOptions>(demo));
}

async function demo(context: Context, options: DemoOptions): Promise<number> {
  const { demoDown } = require('../demo/removal') as typeof import('../demo/removal');
  const { demoUp } = require('../demo/demo') as typeof import('../demo/demo');
  return options.down || options.purge ? demoDown(context, options.purge === true) : demoUp(context);
}
