import type { KeyDefinition } from '../config/key';
import { type Configuration, readConfiguration } from './configuration';
import type { Context } from './context';
import { CliFailure } from './failure';

/** `deploy --to-version V`: KRAKEN_VERSION for one command, while `.env` stays as it is. */
const option = '--to-version';

/** @throws {CliFailure} USAGE */
export function checkVersion(version: string): void {
  const { keys } = require('../config/keys') as typeof import('../config/keys');
  const { schema, range }: KeyDefinition = keys.KRAKEN_VERSION;
  const read = schema.safeParse(version);
  if (read.success) return;
  const hint = read.error.issues[0]?.message;
  throw new CliFailure('USAGE', `${option} ${version}: expected ${range}${hint ? ` (${hint})` : ''}`);
}

/** A plan names the option as the reason, since no line of `.env` says so. */
export function withVersionOrigin(configuration: Configuration): Configuration {
  const origins = { ...configuration.origins, 'images.version': { key: 'KRAKEN_VERSION', origin: option } };
  return { ...configuration, origins };
}

/** What a later deploy without the option would go back to; undefined where it says the same. */
export async function findVersionOutside(context: Context, version: string): Promise<string | undefined> {
  const { spec, settings } = await readConfiguration(context);
  if (spec.images.version === version) return undefined;
  const { origin } = settings.KRAKEN_VERSION!;
  const where = origin === 'environment' ? 'your environment' : `your ${origin.replace(/:\d+$/, '')}`;
  if (origin === 'default') return `your .env sets no KRAKEN_VERSION, whose default is ${spec.images.version}`;
  return `${where} still says ${spec.images.version}`;
}
