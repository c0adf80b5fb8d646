import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { stateFolder } from '../config/state-folder';

/** Which dev server `temporal up` started on this machine; written when it serves. */
export interface ServerRecord {
  port: number;
  uiPort: number;
}

export function serverRecordPath(environment: NodeJS.ProcessEnv): string {
  return join(stateFolder(environment), 'temporal.json');
}

export function readServerRecord(environment: NodeJS.ProcessEnv): ServerRecord | undefined {
  try {
    return JSON.parse(readFileSync(serverRecordPath(environment), 'utf8')) as ServerRecord;
  } catch {
    return undefined;
  }
}
