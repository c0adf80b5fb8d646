import type { Command } from 'commander';
import type { Context, Wire } from '../context';
import { readVersionFacts } from '../version';

export function addVersionCommand(program: Command, wire: Wire): void {
  program.command('version').description('of krakenctl, its build, Node.js and the Temporal SDK').action(wire(version));
}

async function version({ output }: Context): Promise<void> {
  const facts = readVersionFacts();
  output.result(facts);
  const commit = facts.commit ? `, commit ${facts.commit}` : '';
  output.line(`krakenctl ${facts.version} (build ${facts.build}, worker ${facts.worker}${commit})`);
  output.line(`Node.js ${facts.node} · Temporal SDK ${facts.temporalSdk} · ${facts.platform}`);
}
