import { loadClientConnectConfig } from '@temporalio/envconfig';

export type ConnectConfig = ReturnType<typeof loadClientConnectConfig>;

/** Temporal's own configuration, TEMPORAL_* and its file, cannot be read; the message is safe to print. */
export class ConnectConfigError extends Error {
  override readonly name = 'ConnectConfigError';
}

/** The same for CLI and worker. @throws {ConnectConfigError} */
export function readConnectConfig(environment: NodeJS.ProcessEnv): ConnectConfig {
  const overrideEnvVars: Record<string, string> = {};
  for (const [name, value] of Object.entries(environment)) if (value !== undefined) overrideEnvVars[name] = value;
  try {
    return loadClientConnectConfig({ overrideEnvVars });
  } catch (error) {
    // No cause: its parser quotes the lines around a mistake, and one of them may be an API key.
    const [said = ''] = (error as Error).message.split('\n');
    throw new ConnectConfigError(`Temporal's configuration cannot be read: ${said.slice(0, 200)}`);
  }
}
