import type { Command } from 'commander';
import { readConfiguration } from '../configuration';
import type { Context, Wire } from '../context';

interface ShowOptions {
  origin?: boolean;
  all?: boolean;
}

export function addConfigCommands(program: Command, wire: Wire): void {
  const config = program.command('config').description('the configuration as krakenctl understands it');
  config
    .command('show')
    .description('every key and its value; secrets are redacted')
    .option('--origin', 'who said so: flag, environment, a line of .env, or the default')
    .action(wire<ShowOptions>(show));
}

async function show(context: Context, options: ShowOptions): Promise<void> {
  const { output } = context;
  const { settings, warnings } = await readConfiguration(context);
  output.result({ settings, warnings });
  const entries = Object.entries(settings);
  const width = Math.max(...entries.map(([key, { value }]) => `${key}=${value ?? ''}`.length).filter((n) => n <= 60));
  for (const [key, { value, origin, inUse, note }] of entries) {
    const text = `${key}=${value ?? ''}`;
    const remark = [options.origin && origin, note].filter(Boolean).join(' · ');
    const line = remark ? `${text.padEnd(width)}  ${remark}` : text;
    output.line(inUse && origin !== 'default' ? line : output.colors.dim(line));
  }
  for (const { key, message } of warnings) output.note(`${key}: ${message}`);
}
