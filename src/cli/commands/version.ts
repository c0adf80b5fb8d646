import type { Command } from 'commander';
import type { Context, Wire } from '../context';
import { readVersion } from '../version';

export function addVersionCommand(program: Command, wire: Wire): void {
  program.command('version').description('of krakenctl, its build, Node.js and the Temporal SDK').action(wire(version));
}

async function version({ output }: Context): Promise<void> {
  const own = readVersion();
  const sdk = (require('@temporalio/common/package.json') as { version: string }).version;
  const facts = {
    ...own,
    node: process.versions.node,
    temporalSdk: sdk,
    platform: `${process.platform}-${process.arch}`,
  };
  output.result(facts);
  const commit = own.commit ? `, commit ${own.commit}` : '';
  output.line(`krakenctl ${own.version} (build ${own.build}, worker ${own.worker}${commit})`);
  output.line(`Node.js ${facts.node} · Temporal SDK ${sdk} · ${facts.platform}`);
}
