import { readConnectConfig } from '../config/connect-config';
import { readServerRecord } from './server-record';

/** Where Temporal is, from the person's environment or profile, else the server that `temporal up` started here. */
export interface TemporalAddress {
  address: string;
  namespace: string;
  /** Said by TEMPORAL_ADDRESS or a profile, so that no server of our own is meant. */
  configured: boolean;
  /** Base of the Web UI's links. */
  ui: string;
}

export const defaultPort = 7233;

export function resolveAddress(
  environment: NodeJS.ProcessEnv,
  config = readConnectConfig(environment),
): TemporalAddress {
  const { connectionOptions, namespace = 'default' } = config;
  const configured = connectionOptions.address !== undefined;
  const record = configured ? undefined : readServerRecord(environment);
  const address = connectionOptions.address ?? `127.0.0.1:${record?.port ?? defaultPort}`;
  return { address, namespace, configured, ui: uiOf(environment, address, record?.uiPort) };
}

/** A dev server's UI is on its port plus 1000; anyone else's is wherever TEMPORAL_UI_URL says. */
function uiOf(environment: NodeJS.ProcessEnv, address: string, port?: number): string {
  if (environment.TEMPORAL_UI_URL) return environment.TEMPORAL_UI_URL.replace(/\/$/, '');
  const at = address.lastIndexOf(':');
  const host = at < 0 ? address : address.slice(0, at);
  return `http://${host}:${port ?? (Number(address.slice(at + 1)) || defaultPort) + 1000}`;
}

/** Without a slash after the workflow's id, which the UI does not know. */
export function uiLink({ ui, namespace }: TemporalAddress, workflowId: string, runId?: string): string {
  const base = `${ui}/namespaces/${encodeURIComponent(namespace)}/workflows/${encodeURIComponent(workflowId)}`;
  return runId ? `${base}/${runId}/history` : base;
}
