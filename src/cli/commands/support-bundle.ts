import type { Command } from 'commander';
import { findSecretValues } from '../../config/secrets';
import { makeRedactor } from '../../text/redaction';
import { packArchive, refuseExisting, writeArchive } from '../bundle/archive';
import { type Bundle, collectBundle, manifestOf } from '../bundle/bundle';
import { readBundleConfiguration, sourcesOf } from '../bundle/sources';
import { readConfiguration } from '../configuration';
import type { Context, Wire } from '../context';
import type { Colors } from '../output';
import { showSize } from '../size-text';
import { readVersion } from '../version';

interface BundleOptions {
  out?: string;
}

export function addSupportBundleCommand(program: Command, wire: Wire): void {
  program
    .command('support-bundle')
    .description('what another person needs to see what is wrong, in one file; secrets are redacted')
    .option('--out <file>', 'default: krakenctl-support-NAME-TIME.tar.gz here')
    .action(wire<BundleOptions>(makeBundle));
}

async function makeBundle(context: Context, options: BundleOptions): Promise<void> {
  const { output, environment, globals } = context;
  const configuration = await readBundleConfiguration(() => readConfiguration(context));
  const cluster = 'spec' in configuration ? configuration.spec.name : 'unknown';
  const at = new Date();
  const folder = `krakenctl-support-${cluster}-${at.toISOString().slice(0, 19).replace(/[-:]/g, '').replace('T', '-')}`;
  const path = options.out ?? `${folder}.tar.gz`;
  refuseExisting(path);
  output.note('collecting from the hosts, Temporal and this machine; what does not answer is left out');
  const redact = makeRedactor(findSecretValues({ path: globals.envFile, environment }));
  const bundle = await collectBundle(sourcesOf(context, configuration), { redact });
  const facts = { createdAt: at.toISOString(), krakenctl: readVersion().version, cluster };
  const files = new Map([['manifest.json', manifestOf(bundle, facts)], ...bundle.files]);
  const bytes = await packArchive(folder, files, at);
  writeArchive(path, bytes);
  output.result({ path, bytes: bytes.length, files: [...files.keys()], notCollected: bundle.missing });
  output.lines(describeBundle({ path, bytes: bytes.length, bundle }, output.colors));
}

function describeBundle(
  { path, bytes, bundle }: { path: string; bytes: number; bundle: Bundle },
  colors: Colors,
): string[] {
  const groups = new Map<string, { files: number; bytes: number }>();
  for (const [file, text] of bundle.files) {
    const group = groupOf(file);
    const known = groups.get(group) ?? { files: 0, bytes: 0 };
    groups.set(group, { files: known.files + 1, bytes: known.bytes + Buffer.byteLength(text) });
  }
  const width = Math.max(0, ...[...groups.keys()].map((name) => name.length));
  return [
    ...[...groups].map(
      ([name, g]) => ` ${name.padEnd(width)}  ${g.files} ${g.files === 1 ? 'file' : 'files'}, ${showSize(g.bytes)}`,
    ),
    ...bundle.missing.map(({ what, why }) => colors.yellow(` ! not collected: ${what}: ${why.split('\n', 1)[0]}`)),
    colors.green(`wrote ${path} · ${showSize(bytes)}, readable by you alone`),
    ' secrets are redacted; addresses, names and logs are not: look inside before you send it',
  ];
}

/** `hosts/node-1`, `cluster`, or a file of its own. */
function groupOf(file: string): string {
  const [first = '', second = ''] = file.split('/');
  return first === 'hosts' ? `${first}/${second}` : first;
}
