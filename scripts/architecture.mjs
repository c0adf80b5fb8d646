// The arrows between rooms hold, and the check that says so can fail: for every rule a fault is planted in a copy and must be found.
import { cpSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { cruise } from 'dependency-cruiser';

const root = join(import.meta.dirname ?? dirname(new URL(import.meta.url).pathname), '..');
const config = createRequire(import.meta.url)(join(root, '.dependency-cruiser.cjs'));

/** rule → [file to plant, import it must not have] */
const planted = {
  'cluster-only-into-itself': ['src/cluster/planted-1.ts', '../clients/errors'],
  'text-only-into-itself': ['src/text/planted.ts', '../clients/errors'],
  'contracts-only-into-cluster': ['src/contracts/planted.ts', '../clients/errors'],
  'clients-only-into-cluster-contracts': ['src/clients/planted.ts', '../activities/failures'],
  'config-only-into-cluster-text': ['src/config/planted.ts', '../clients/errors'],
  'workflows-only-into-contracts-cluster': ['src/workflows/planted-1.ts', '../clients/errors'],
  'activities-only-into-clients-cluster-contracts-text': ['src/activities/planted.ts', '../workers/owner'],
  'lab-only-into-clients-cluster': ['src/lab/planted.ts', '../config/state-folder'],
  'codec-only-into-config': ['src/codec/planted.ts', '../clients/errors'],
  'releases-only-into-contracts': ['src/releases/planted.ts', '../cluster/names'],
  'cli-only-into-config-contracts-cluster-lab-workers-codec-releases-text': [
    'src/cli/planted-1.ts',
    '../activities/failures',
  ],
  'workflows-know-cluster-as-types': ['src/workflows/planted-2.ts', '../cluster/names'],
  'stand-in-imports-nothing-of-src': ['src/lab/stand-in/planted.ts', '../../cluster/names'],
  'only-local-starts-workers': ['src/cli/planted-2.ts', '../workers/owner'],
  'observer-imports-nothing-of-src': ['test/support/observer.ts', '../../src/cluster/names'],
  'cluster-is-pure': ['src/cluster/planted-2.ts', 'node:fs'],
  'door-dockerode': ['src/activities/planted-docker.ts', 'dockerode'],
  'door-ssh2': ['src/activities/planted-ssh.ts', 'ssh2'],
  'door-ioredis': ['src/activities/planted-redis.ts', 'ioredis'],
  'door-zod': ['src/clients/planted-zod.ts', 'zod'],
  'door--temporalio-client': ['src/activities/planted-client.ts', '@temporalio/client'],
  'door--temporalio-worker': ['src/activities/planted-worker.ts', '@temporalio/worker'],
  'door--temporalio-workflow': ['src/activities/planted-workflow.ts', '@temporalio/workflow'],
  'door--temporalio-activity': ['src/clients/planted-activity.ts', '@temporalio/activity'],
  'no-circles': ['src/cluster/planted-circle.ts', './planted-circle-2'],
};

async function violations(folder) {
  const { options, forbidden } = config;
  const previous = process.cwd();
  process.chdir(folder);
  try {
    const result = await cruise(['src', 'test/support'], {
      ...options,
      ruleSet: { forbidden },
      validate: true,
      baseDir: folder,
    });
    const { totalCruised, violations: found } = result.output.summary;
    return { totalCruised, violations: [...found, ...valueImports(folder)] };
  } finally {
    process.chdir(previous);
  }
}

/** The swc parser does not say which imports are of types alone, so this rule reads the lines: workflows know `cluster` as types. */
const typesOnly = 'workflows-know-cluster-as-types';

function valueImports(folder) {
  const room = join(folder, 'src', 'workflows');
  return readdirSync(room)
    .filter((name) => name.endsWith('.ts'))
    .flatMap((name) => {
      const imports =
        readFileSync(join(room, name), 'utf8').match(/^(import|export)\b[^;]*from '\.\.\/cluster\/[^']*'/gms) ?? [];
      const values = imports.filter((text) => !/^(import|export) type\b/.test(text));
      return values.map((text) => ({
        rule: { name: typesOnly },
        from: `src/workflows/${name}`,
        to: text.split("'")[1],
      }));
    });
}

function fail(message) {
  console.error(`architecture: ${message}`);
  process.exitCode = 1;
}

const rules = [...config.forbidden.map((rule) => rule.name), typesOnly];
const real = await violations(root);
if (real.totalCruised < 30) fail(`only ${real.totalCruised} modules were seen, so nothing was checked`);
for (const v of real.violations) fail(`${v.rule.name}: ${v.from} → ${v.to}`);

const copy = mkdtempSync(join(tmpdir(), 'krakenctl-architecture-'));
try {
  cpSync(join(root, 'src'), join(copy, 'src'), { recursive: true });
  cpSync(join(root, 'tsconfig.json'), join(copy, 'tsconfig.json'));
  symlinkSync(join(root, 'node_modules'), join(copy, 'node_modules'));
  for (const [file, target] of Object.values(planted)) {
    mkdirSync(dirname(join(copy, file)), { recursive: true });
    writeFileSync(join(copy, file), `import * as planted from '${target}';\nexport const kept = planted;\n`);
  }
  writeFileSync(join(copy, 'src/cluster/planted-circle-2.ts'), "export { kept } from './planted-circle';\n");
  const found = new Set((await violations(copy)).violations.map((v) => v.rule.name));
  for (const name of rules) {
    if (!(name in planted)) fail(`rule ${name} has no planted fault`);
    else if (!found.has(name)) fail(`the fault planted for ${name} was not found`);
  }
} finally {
  rmSync(copy, { recursive: true });
}
if (!process.exitCode)
  console.log(`architecture: ${real.totalCruised} modules, ${rules.length} rules hold, each found its planted fault`);
