import type { Command } from 'commander';
import type { Wire } from '../context';
import { type DestroyOptions, destroyCluster } from '../destroy';
import { listClusters } from '../list-clusters';
import { addRunOptions } from '../run-options';
import { type TakeOverOptions, takeOverCluster } from '../take-over';

const confirm = ['--confirm <name>', "the cluster's name, where nobody can type it"] as const;

export function addClusterCommands(program: Command, wire: Wire): void {
  const cluster = program.command('cluster').description('the cluster as a whole');
  cluster
    .command('list')
    .description('clusters that Temporal knows, and those recorded on the hosts of .env')
    .action(wire(listClusters));
  const destroy = cluster
    .command('destroy')
    .description("remove containers, files and data from every host; asks for the cluster's name")
    .option(...confirm)
    .option('--keep-data', 'data and record stay, a later deploy brings them back')
    .option('--skip-unreachable', 'go on without hosts that cannot be reached; they are left to do (exit 5)');
  addRunOptions(destroy).action(wire<DestroyOptions>(destroyCluster));
  const takeOver = cluster
    .command('take-over')
    .description("look after a cluster whose krakenctl is lost; asks for the cluster's name")
    .option(...confirm);
  addRunOptions(takeOver).action(wire<TakeOverOptions>(takeOverCluster));
}
