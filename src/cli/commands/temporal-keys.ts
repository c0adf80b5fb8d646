import type { Command } from 'commander';
import type { Context, Wire } from '../context';

/** The payload codec's keys: made here, copied to wherever krakenctl or a worker runs. */
export function addTemporalKeysCommands(temporal: Command, wire: Wire): void {
  const keys = temporal.command('keys').description('keys that encrypt what Temporal keeps');
  keys.command('add').description('a new key, which writes from now on; the older ones still read').action(wire(add));
  keys.command('list').description('ids, never the keys; the last one writes').action(wire(list));
}

async function add({ output, environment }: Context): Promise<void> {
  const { codecKeyPath } = require('../../codec/data-converter') as typeof import('../../codec/data-converter');
  const { addKey, readKeyRing } = require('../../codec/key-ring') as typeof import('../../codec/key-ring');
  const path = codecKeyPath(environment);
  const { id } = addKey(path);
  const ids = readKeyRing(path).map((key) => key.id);
  output.result({ path, writes: id, ids });
  output.line(`${output.colors.green('✔')} key ${id} writes from now on · ${path}, ${ids.length} in all`);
  output.line(' next: copy the file to every worker and every machine with krakenctl (mode 0600), restart the workers');
  output.line(' keep a copy: without it no history can be read, and an operation under way cannot go on');
}

async function list({ output, environment }: Context): Promise<void> {
  const { codecKeyPath } = require('../../codec/data-converter') as typeof import('../../codec/data-converter');
  const { readKeyRing } = require('../../codec/key-ring') as typeof import('../../codec/key-ring');
  const path = codecKeyPath(environment);
  const ids = readKeyRing(path).map((key) => key.id);
  output.result({ path, writes: ids.at(-1), ids });
  for (const [i, id] of ids.entries()) output.line(`${id} ${i === ids.length - 1 ? 'writes and reads' : 'reads'}`);
}
