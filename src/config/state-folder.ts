import { homedir } from 'node:os';
import { join } from 'node:path';

/** Where this installation keeps what is its own: owner id, pids, Temporal's data. */
export function stateFolder(environment: NodeJS.ProcessEnv = process.env): string {
  // An empty variable is none: the folder a command happens to be typed in gets no keys.
  return environment.KRAKENCTL_STATE_DIR || join(homedir(), '.local', 'state', 'krakenctl');
}

/** What must not leave the machine of the worker; 0700, its files 0600. */
export function secretsFolder(environment: NodeJS.ProcessEnv = process.env): string {
  return environment.KRAKENCTL_SECRETS_DIR || join(stateFolder(environment), 'secrets');
}
