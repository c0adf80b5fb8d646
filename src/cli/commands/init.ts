import { randomBytes } from 'node:crypto';
import { linkSync, lstatSync, renameSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { dirname } from 'node:path';
import type { Command } from 'commander';
import type { Context, Wire } from '../context';
import { CliFailure } from '../failure';
import { ask, askAll, canAsk } from '../questions';

interface InitOptions {
  nodes?: string;
  registry?: string;
  /** Of the Kraken images. */
  version?: string;
  name?: string;
  sshUser?: string;
  force?: boolean;
}

export function addInitCommand(program: Command, wire: Wire): void {
  program
    .command('init')
    .description('write .env from the template; asks on a terminal for what is not given')
    .option('--nodes <addresses>', 'with commas between them: 10.0.1.10,10.0.1.11,10.0.1.12')
    .option('--registry <registry>', 'where the Kraken images are (KRAKEN_IMAGE_REGISTRY)')
    .option('--version <tag>', 'of the Kraken images (KRAKEN_VERSION)')
    .option('--name <cluster>', 'CLUSTER_NAME')
    .option('--ssh-user <user>', 'SSH_USER')
    .option('--force', 'write over a file that is there')
    .action(wire<InitOptions>(init));
}

async function init(context: Context, options: InitOptions): Promise<void> {
  const { output, globals } = context;
  const path = globals.envFile ?? '.env';
  requirePlace(path, options.force === true);
  const { renderEnv } = require('../../config/template') as typeof import('../../config/template');
  const { loadConfig } = require('../../config/load') as typeof import('../../config/load');
  const values = await gatherValues(context, options);
  const text = renderEnv(values);
  const loaded = loadConfig({ envFile: { name: path, text } });
  if (!loaded.ok && Object.keys(values).length > 0) await refuseGiven(loaded.mistakes, values);
  writeWhole(path, text, options.force === true);
  const missing = loaded.ok ? [] : loaded.mistakes.map((m) => m.key ?? m.problem);
  output.result({ path, complete: loaded.ok, missing });
  output.line(`${output.colors.green('✔')} wrote ${path}`);
  output.line(
    loaded.ok
      ? ' next: krakenctl temporal up && krakenctl worker start && krakenctl check'
      : ' next: set the node addresses in it, then krakenctl check',
  );
}

/** What was given must be right; what was not is a comment in the file for later. */
async function refuseGiven(mistakes: { key?: string }[], values: Record<string, string>): Promise<void> {
  const wrong = mistakes.filter((m) => m.key !== undefined && m.key in values);
  if (wrong.length === 0) return;
  const { formatMistakes } = require('../../config/load') as typeof import('../../config/load');
  const text = `nothing was written\n${formatMistakes(wrong as Parameters<typeof formatMistakes>[0]).join('\n')}`;
  throw new CliFailure('CONFIG_INVALID', text);
}

async function gatherValues(context: Context, options: InitOptions): Promise<Record<string, string>> {
  const { nodes, registry, version } = canAsk(context) ? await askMissing(options) : options;
  if (nodes !== undefined && splitNodes(nodes).length === 0)
    throw new CliFailure('USAGE', `--nodes ${nodes}: expected addresses with commas between them`);
  const values: Record<string, string | undefined> = {
    CLUSTER_NAME: options.name,
    SSH_USER: options.sshUser,
    KRAKEN_IMAGE_REGISTRY: registry,
    KRAKEN_VERSION: version,
  };
  for (const [i, address] of splitNodes(nodes).entries()) values[`CLUSTER_NODE_${i + 1}`] = address;
  return Object.fromEntries(
    Object.entries(values).filter((entry): entry is [string, string] => entry[1] !== undefined),
  );
}

function splitNodes(nodes = ''): string[] {
  // Not \s, which takes invisible characters of Unicode away that are a mistake to be told.
  return nodes.split(/[ \t\n,]+/).filter((address) => address !== '');
}

function askMissing(options: InitOptions): Promise<InitOptions> {
  return askAll(async (questions) => {
    const few = (answer: string) => (splitNodes(answer).length < 3 ? 'at least three addresses' : undefined);
    const nodes =
      options.nodes ?? (await ask(questions, { text: 'addresses of the nodes, with commas between them', check: few }));
    const registry = options.registry ?? (await ask(questions, { text: 'registry with the kraken-* images' }));
    const version = options.version ?? (await ask(questions, { text: 'their tag', fallback: 'v0.1.27' }));
    return { ...options, nodes, registry, version };
  });
}

/** Before anybody is asked anything. @throws {CliFailure} USAGE with the path, where no file can be written there. */
function requirePlace(path: string, force: boolean): void {
  const folder = dirname(path);
  const above = onDisk(path, () => statSync(folder, { throwIfNoEntry: false }));
  if (!above) throw unwritable(`the folder ${folder} is not there`);
  if (!above.isDirectory()) throw unwritable(`${folder} is no folder`);
  const there = onDisk(path, () => lstatSync(path, { throwIfNoEntry: false }));
  if (there?.isDirectory()) throw unwritable(`${path} is a folder; expected the path of a file`);
  if (there && !force) throw isThere(path);
}

/** Whole or not at all; it will hold secrets, so it is nobody else's to read. A link fails where a file appeared meanwhile. */
function writeWhole(path: string, text: string, force: boolean): void {
  const aside = `${path}.${randomBytes(4).toString('hex')}`;
  onDisk(path, () => {
    try {
      writeFileSync(aside, text, { mode: 0o600, flag: 'wx' });
      if (force) renameSync(aside, path);
      else linkSync(aside, path);
    } finally {
      rmSync(aside, { force: true });
    }
  });
}

function onDisk<T>(path: string, work: () => T): T {
  try {
    return work();
  } catch (error) {
    const { code, message } = error as NodeJS.ErrnoException;
    if (code === 'EEXIST') throw isThere(path);
    // What follows names the call, and the file beside it.
    const [why] = message.split(', ', 1);
    throw unwritable(`${path} cannot be written: ${why}`, error);
  }
}

function isThere(path: string): CliFailure {
  return new CliFailure('USAGE', `${path} is there already`, { hint: 'edit it, or write over it with --force' });
}

function unwritable(text: string, cause?: unknown): CliFailure {
  return new CliFailure('USAGE', text, { hint: '--env-file PATH, or make the folder first', cause });
}
