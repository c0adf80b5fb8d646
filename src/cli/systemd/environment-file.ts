/** What the service is told: the variables that name its Temporal and its keys, from the shell of whoever installs it. */
const carried =
  /^(TEMPORAL_(ADDRESS|NAMESPACE|API_KEY|TLS.*|PROFILE|CONFIG_FILE|GRPC_META_.*)|KRAKENCTL_(CODEC_KEY_FILE|SECRETS_DIR))$/;

export function carriedVariables(environment: NodeJS.ProcessEnv): Record<string, string> {
  const entries = Object.entries(environment).filter(([name, value]) => carried.test(name) && value);
  return Object.fromEntries(entries.sort(([a], [b]) => (a < b ? -1 : 1))) as Record<string, string>;
}

/** One line a variable, in double quotes as systemd.exec(5) reads them. @throws {RangeError} for a value over several lines. */
export function renderEnvironmentFile(variables: Record<string, string>): string {
  const lines = Object.entries(variables).map(([name, value]) => {
    if (/[\n\r\0]/.test(value)) throw new RangeError(`${name}: expected one line`);
    return `${name}="${value.replaceAll(/[\\"`$]/g, (c) => `\\${c}`)}"`;
  });
  return ['# For krakenctl-worker.service. It may hold an API key: for root alone.', ...lines, ''].join('\n');
}
