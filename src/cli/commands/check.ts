import type { Command } from 'commander';
import { readConfiguration } from '../configuration';
import type { Context, Wire } from '../context';

export function addCheckCommand(program: Command, wire: Wire): void {
  program
    .command('check')
    .description('every mistake of the configuration at once; no host is contacted')
    .action(wire(check));
}

async function check(context: Context): Promise<void> {
  const { output } = context;
  const { spec, warnings } = await readConfiguration(context);
  output.result({ cluster: spec.name, nodes: spec.nodes.length, warnings, hostsChecked: false });
  for (const { key, message } of warnings) output.line(` ${output.colors.yellow('!')} ${key}: ${message}`);
  const found = warnings.length === 1 ? '1 warning' : `${warnings.length} warnings`;
  output.line(`cluster ${spec.name}, ${spec.nodes.length} nodes: no mistake, ${found}`);
  output.line('no host was contacted; what differs on the hosts: krakenctl plan');
}
