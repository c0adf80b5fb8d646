import { readFileSync } from 'node:fs';
import type { MaintenanceWindow } from '../cluster/maintenance-window';
import type { ClusterSpec } from '../cluster/spec';
import { authOf } from './auth-secret';
import { expandHome, toClusterSpec } from './cluster-spec';
import type { Mistake, Warning } from './mistakes';
import { resolveValues } from './resolve';
import { findRuleMistakes, findWarnings } from './rules';
import type { Secret } from './secret';
import { describeSettings, findUnusedWarnings, type Settings } from './settings';
import { type ConfigSources, gatherTexts } from './sources';

export type { Mistake, Warning } from './mistakes';
export { formatMistakes } from './mistakes';
export type { Setting, Settings } from './settings';
export type { ConfigSources } from './sources';

export interface Config {
  ok: true;
  spec: ClusterSpec;
  settings: Settings;
  warnings: Warning[];
  logDir: string;
  metricsDir: string;
  rollout: RolloutSettings;
  /** AUTH_SECRET, where it is set: for the worker on this machine, and for what must not cross in the clear. */
  authSecret?: Secret;
}

export interface RolloutSettings {
  bakeMs?: number;
  window?: MaintenanceWindow;
}

export type LoadedConfig = Config | { ok: false; mistakes: Mistake[] };

/** Texts to values, or every mistake at once; pure. */
export function loadConfig(sources: ConfigSources): LoadedConfig {
  const gathered = gatherTexts(sources);
  const resolved = resolveValues(gathered);
  const ruling = { resolved, gathered };
  const mistakes = [...gathered.mistakes, ...resolved.mistakes, ...findRuleMistakes(ruling)];
  if (mistakes.length > 0) return { ok: false, mistakes: sortMistakes(mistakes) };
  const { values, nodes } = resolved;
  const home = sources.environment?.HOME;
  // Without an agent to ask, the file that ssh itself would try first.
  const defaultKeyPath = sources.environment?.SSH_AUTH_SOCK ? undefined : '~/.ssh/id_ed25519';
  return {
    ok: true,
    spec: toClusterSpec({ values, nodes, home, defaultKeyPath, auth: authOf(values) }),
    settings: describeSettings(gathered, resolved),
    warnings: [...findWarnings(ruling), ...findUnusedWarnings(gathered)],
    logDir: expandHome(values.LOG_DIR!, home),
    metricsDir: expandHome(values.METRICS_DIR!, home),
    rollout: { bakeMs: values.ROLLOUT_BAKE, window: values.MAINTENANCE_WINDOW },
    ...(values.AUTH_SECRET && { authSecret: values.AUTH_SECRET }),
  };
}

/** In the order of the file; what has no line comes after. */
function sortMistakes(mistakes: Mistake[]): Mistake[] {
  return mistakes.toSorted((a, b) => (a.line ?? Number.MAX_SAFE_INTEGER) - (b.line ?? Number.MAX_SAFE_INTEGER));
}

export interface ConfigFiles extends Omit<ConfigSources, 'envFile'> {
  /** As the person named it; without one, `.env` in the working folder, which need not exist. */
  path?: string;
}

const largestFile = 2 ** 20;

/** {@link loadConfig} over a file. A file that cannot be read is a mistake like any other. */
export function loadConfigFile({ path, ...sources }: ConfigFiles): LoadedConfig {
  const name = path ?? '.env';
  const read = readEnvText(name);
  if ('text' in read) return loadConfig({ ...sources, envFile: { name, text: read.text } });
  if (path !== undefined || read.problem !== noSuchFile)
    return { ok: false, mistakes: [describeUnreadable(name, read)] };
  const loaded = loadConfig(sources);
  // Everything may come from the environment; if it does not, the missing file is the one thing to say.
  return loaded.ok || loaded.mistakes.some(isGiven)
    ? loaded
    : { ok: false, mistakes: [describeUnreadable(name, read)] };
}

const noSuchFile = 'no such file';

function isGiven({ file }: Mistake): boolean {
  return file === 'environment' || file === 'flag';
}

function describeUnreadable(file: string, { problem }: { problem: string }): Mistake {
  const hint = problem === noSuchFile ? 'krakenctl init writes one' : undefined;
  return { file, problem, expected: 'a text file in UTF-8, at most 1 MiB, that can be read', hint };
}

function readEnvText(path: string): { text: string } | { problem: string } {
  try {
    const bytes = readFileSync(path);
    if (bytes.length > largestFile) return { problem: 'larger than 1 MiB' };
    return { text: new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(bytes) };
  } catch (error) {
    return { problem: explainReadError(error as NodeJS.ErrnoException) };
  }
}

function explainReadError({ code, message }: NodeJS.ErrnoException): string {
  if (code === 'ENOENT') return noSuchFile;
  if (code === 'EISDIR') return 'a folder, not a file';
  if (code === 'EACCES' || code === 'EPERM') return 'no right to read it';
  return code === 'ERR_ENCODING_INVALID_ENCODED_DATA' ? 'not UTF-8' : message;
}
