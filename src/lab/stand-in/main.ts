import { loadConfiguration, type Settings } from './configuration';
import { FlagError, type FlagKind, type Flags, parseFlags, usage } from './flags';
import { fatal, panic, say } from './log';
import { misbehave, version } from './misbehaviour';
import { speakTls } from './tls';

/** Answers as one of Kraken's parts, without being it. Started as `main.js <part> [flags]` by `/usr/bin/kraken-<part>`. */
type Start = (settings: Settings, flags: Flags) => Promise<void>;

const common: Record<string, FlagKind> = {
  config: 'text',
  cluster: 'text',
  secrets: 'text',
  'mutex-profile-fraction': 'number',
};
const peer: Record<string, FlagKind> = { ...common, zone: 'text', 'peer-ip': 'text', 'peer-port': 'number' };

/** Each part loads only what it needs: a start costs little. */
const parts: Record<string, { flags: Record<string, FlagKind>; load: () => Promise<Start> }> = {
  origin: {
    flags: { ...peer, 'blobserver-hostname': 'text', 'blobserver-port': 'number' },
    load: async () => (await import('./origin.js')).startOrigin,
  },
  tracker: { flags: { ...common, port: 'number' }, load: async () => (await import('./tracker.js')).startTracker },
  'build-index': {
    flags: { ...common, port: 'number' },
    load: async () => (await import('./build-index.js')).startBuildIndex,
  },
  proxy: { flags: { ...common, port: 'numbers' }, load: async () => (await import('./proxy.js')).startProxy },
  agent: {
    flags: { ...peer, 'agent-server-port': 'number', 'agent-registry-port': 'number' },
    load: async () => (await import('./agent.js')).startAgent,
  },
};

async function main(name: string, argv: string[]): Promise<void> {
  say('WARN', `kraken-stand-in: this is not Kraken; it stands in for kraken-${name} ${version} in a krakenctl lab`);
  // A container's first process has no default for signals.
  for (const signal of ['SIGTERM', 'SIGINT'] as const) process.on(signal, () => process.exit(2));
  process.on('unhandledRejection', (error) => say('ERROR', (error as Error)?.message ?? String(error)));
  misbehave(name);
  if (name === 'testfs') {
    const { startTestfs } = await import('./testfs.js');
    return startTestfs(readFlags(name, argv, { port: 'number' }));
  }
  const part = parts[name];
  if (!part) panic(`no part is called ${name}`);
  const flags = readFlags(name, argv, part.flags);
  const start = await part.load();
  const settings = readConfiguration(String(flags.config ?? ''));
  speakTls(settings);
  await start(settings, flags);
}

function readFlags(name: string, argv: string[], kinds: Record<string, FlagKind>): Flags {
  try {
    return parseFlags(argv, kinds);
  } catch (error) {
    if (!(error instanceof FlagError)) throw error;
    process.stderr.write(`${error.message}\n${usage(`/usr/bin/kraken-${name}`, kinds)}\n`);
    process.exit(2);
  }
}

function readConfiguration(path: string): Settings {
  try {
    return loadConfiguration(path);
  } catch (error) {
    return panic((error as Error).message);
  }
}

main(process.argv[2] ?? '', process.argv.slice(3)).catch((error: Error) => fatal(error.message));
