import { type LoadedConfig, loadConfig } from '../../src/config/load';
import type { Mistake } from '../../src/config/mistakes';

/** The least that a configuration needs. */
export const leastEnv: Record<string, string> = {
  CLUSTER_NODE_1: '10.0.1.10',
  CLUSTER_NODE_2: '10.0.1.11',
  CLUSTER_NODE_3: '10.0.1.12',
  KRAKEN_IMAGE_REGISTRY: 'registry.test/kraken',
};

export const leastText = Object.entries(leastEnv)
  .map(([key, value]) => `${key}=${value}\n`)
  .join('');

/** Lines after {@link leastText}, which ends in line 4. */
export function loadText(lines: string, environment: Record<string, string> = { HOME: '/home/ana' }): LoadedConfig {
  return loadConfig({ envFile: { name: '.env', text: leastText + lines }, environment });
}

/** Values from the environment, where any text can stand; `leastEnv` unless replaced. */
export function loadValues(values: Record<string, string>): LoadedConfig {
  return loadConfig({ environment: { HOME: '/home/ana', ...leastEnv, ...values } });
}

export function mistakesOf(loaded: LoadedConfig): Mistake[] {
  return loaded.ok ? [] : loaded.mistakes;
}
