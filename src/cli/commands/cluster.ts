import type { Command } from 'commander';
import type { Wire } from '../context';
import { type DestroyOptions, destroyCluster } from '../destroy';

export function addClusterCommands(program: Command, wire: Wire): void {
  const cluster = program.command('cluster').description('the cluster as a whole');
  cluster
    .command('destroy')
    .description("remove containers, files and data from every host; asks for the cluster's name")
    .option('--confirm <name>', "the cluster's name, where nobody can type it")
    .option('--keep-data', 'data and record stay, a later deploy brings them back')
    .option('--skip-unreachable', 'go on without hosts that cannot be reached; they are left to do (exit 5)')
    .option('--detach', 'start it and return its id')
    .option('--wait-lock [duration]', 'when another operation runs, wait for its end (60s, 5m)')
    .action(wire<DestroyOptions>(destroyCluster));
}
