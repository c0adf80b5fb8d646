import { keepAuthSecret } from '../config/auth-secret';
import type { Config } from '../config/load';
import type { SpecOrigins } from '../contracts/operation';
import type { Context } from './context';
import { CliFailure } from './failure';
import { findOrigins } from './origins';

export type Configuration = Config & { origins: SpecOrigins };

/** `.env` is read when a command is typed, by the CLI alone (decisions 2). @throws {CliFailure} with every mistake. */
export async function readConfiguration(
  context: Context,
  flags: Record<string, string | undefined> = {},
): Promise<Configuration> {
  const { formatMistakes, loadConfigFile } = require('../config/load') as typeof import('../config/load');
  const loaded = loadConfigFile({ path: context.globals.envFile, environment: context.environment, flags });
  if (!loaded.ok) {
    const { mistakes } = loaded;
    const count = mistakes.length === 1 ? '1 mistake' : `${mistakes.length} mistakes`;
    const text = `${count} in the configuration, no host was contacted\n${formatMistakes(mistakes).join('\n')}`;
    throw new CliFailure('CONFIG_INVALID', text, {
      hint: mistakes.find((m) => m.hint?.startsWith('krakenctl'))?.hint ?? '.env.template explains every name',
      data: { mistakes },
    });
  }
  if (loaded.spec.auth) leaveForWorker(loaded, context.environment);
  return { ...loaded, origins: findOrigins(loaded.spec, loaded.settings) };
}

/** The worker of this machine reads it there: it never crosses to Temporal. Where nothing can be written, the worker says what it lacks. */
export function leaveForWorker({ spec, authSecret }: Config, environment: NodeJS.ProcessEnv): void {
  try {
    keepAuthSecret(spec.name, authSecret!, environment);
  } catch {
    // A look at the configuration needs none of it.
  }
}

/** Flag values as the text that `.env` would have. */
export function flagText(value: string | number | undefined): string | undefined {
  return value === undefined ? undefined : String(value);
}
