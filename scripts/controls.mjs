// A test that cannot fail proves nothing: each bug here is planted in a copy of the tree, and its suite must fail. The contract suite
// has its plants within (test/contract/kraken/control.test.ts), since they are switches of the stand-in.
import { spawnSync } from 'node:child_process';
import { cpSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

/** suite, what is planted, file, from → to, and the tests that must catch it */
const bugs = [
  {
    suite: 'unit',
    bug: 'a channel that closes without an exit code counts as success',
    file: 'src/clients/ssh.ts',
    from: 'if (end === undefined || end.code === undefined) {',
    to: 'if (false as boolean) {',
    tests: 'test/clients/ssh',
  },
  {
    suite: 'unit',
    bug: 'no host key check',
    file: 'src/clients/ssh.ts',
    from: 'return keyFailure === undefined;',
    to: 'keyFailure = undefined;\n      return true;',
    tests: 'test/clients/ssh',
  },
  {
    suite: 'unit',
    bug: 'a master is handed back before its link is up',
    file: 'src/cluster/redis-topology.ts',
    from: 'else if (member === master && member.is.linkUp)',
    to: 'else if (member === master)',
    tests: 'test/cluster/redis-topology',
  },
  {
    suite: 'unit',
    bug: 'a drifted file is not seen',
    file: 'src/cluster/differences.ts',
    from: 'if (found && found.sha256 === file.sha256 && found.mode === file.mode) return undefined;',
    to: 'if (found) return undefined;',
    tests: 'test/cluster/deploy-plan',
  },
  {
    suite: 'unit',
    bug: 'a folder that is a link is removed like any other',
    file: 'src/clients/folders.ts',
    from: 'link) refuse "$p is a link, or lies behind one";; ',
    to: '',
    tests: 'test/clients/folders',
  },
  {
    suite: 'unit',
    bug: 'a support bundle is packed without redaction',
    file: 'src/cli/bundle/bundle.ts',
    from: 'redact(toText(content))',
    to: 'toText(content)',
    tests: 'test/cli/bundle',
  },
  {
    suite: 'workflows',
    bug: 'a destroy removes what nobody was shown',
    file: 'src/workflows/destroy-cluster.ts',
    from: 'if (plan.hash !== planHash) {',
    to: 'if (false as boolean) {',
    tests: 'test/workflows/destroy-cluster',
  },
  {
    suite: 'workflows',
    bug: 'an owner of another krakenctl is not looked at',
    file: 'src/activities/records.ts',
    from: 'if (allowed.includes(owner.id)) return;',
    to: 'return;',
    tests: 'test/workflows/deploy-cluster',
  },
  {
    suite: 'workflows',
    bug: 'a name that is taken counts as created',
    file: 'src/activities/containers.ts',
    from: 'if (found.labels[labels.cluster] === input.spec.name) return;',
    to: 'return;',
    tests: 'test/workflows/deploy-cluster',
    // The planner catches it first unless that is blind too.
    also: {
      file: 'src/cluster/differences.ts',
      from: 'if (found.cluster === undefined || found.fingerprint === undefined) {',
      to: 'if (false as boolean) {',
    },
  },
  {
    suite: 'workflows',
    bug: 'a step more in the workflow, so that old histories do not replay',
    file: 'src/workflows/deploy-cluster.ts',
    from: 'const opened = await planners.openOperation({ observed, operation: input.operation });',
    to: 'await planners.openOperation({ observed, operation: input.operation });\n  const opened = await planners.openOperation({ observed, operation: input.operation });',
    tests: 'test/replay',
  },
  {
    suite: 'workflows',
    bug: 'a container that was created and not started yet counts as foreign work, and is made again',
    file: 'src/activities/containers.ts',
    from: 'if (found && !mustGo(found, want, input)) {',
    to: "if (found && found.state === 'running' && !mustGo(found, want, input)) {",
    tests: 'test/workflows/crash',
  },
  {
    suite: 'workflows',
    bug: 'the end of an operation is noted without a look whether it is there',
    file: 'src/activities/records.ts',
    from: 'if (written.includes(`"id":"${line.id}"`)) return { changed: false };',
    to: '',
    tests: 'test/workflows/crash',
  },
  {
    suite: 'e2e',
    bug: 'no fence: whoever comes holds the host',
    file: 'src/clients/fence-program.ts',
    from: 'until flock -n 9; do',
    to: 'until true; do',
    tests: 'test/e2e/fence',
  },
  {
    suite: 'e2e',
    bug: 'a holder that falls silent is left alone',
    file: 'src/clients/fence-program.ts',
    from: '  rm -f "$beat"; end_session "$session" "$self"',
    to: '  sleep 600',
    tests: 'test/e2e/fence',
  },
  {
    suite: 'e2e',
    bug: 'a missing container is not planned',
    file: 'src/cluster/differences.ts',
    from: "  if (!found) {\n    const changes = [{ field: 'image'",
    to: "  if (!found && c.part === 'proxy' && is.containers.length > 4) return {};\n  if (!found) {\n    const changes = [{ field: 'image'",
    tests: 'test/e2e/deploy',
  },
];

const asked = process.argv.slice(2);
const chosen = bugs.filter((b) => asked.length === 0 || asked.includes(b.suite));
const root = process.cwd();
let failed = 0;
for (const planted of chosen) {
  const copy = mkdtempSync(join(tmpdir(), 'krakenctl-control-'));
  try {
    for (const name of [
      'src',
      'test',
      'scripts',
      'bin',
      'docs',
      'package.json',
      'tsconfig.json',
      '.swcrc',
      'jest.config.js',
      '.env.template',
    ]) {
      cpSync(join(root, name), join(copy, name), { recursive: true });
    }
    symlinkSync(join(root, 'node_modules'), join(copy, 'node_modules'));
    for (const change of [planted, planted.also].filter(Boolean)) plant(copy, change);
    const caught = isCaught(copy, planted);
    if (!caught) failed += 1;
    console.log(` ${caught ? '✔ caught ' : '✘ MISSED '} ${planted.suite.padEnd(10)} ${planted.bug}`);
  } finally {
    rmSync(copy, { recursive: true, force: true });
  }
}
console.log(`${chosen.length - failed} passed, ${failed} failed`);
process.exit(failed > 0 || chosen.length === 0 ? 1 : 0);

function plant(copy, { file, from, to }) {
  const path = join(copy, file);
  const text = readFileSync(path, 'utf8');
  if (text.split(from).length !== 2) throw new Error(`${file} does not have this text exactly once: ${from}`);
  writeFileSync(
    path,
    text.replace(from, () => to),
  );
}

/** The suite must come to run and fail by tests; a suite that cannot start catches nothing. */
function isCaught(copy, { suite, tests }) {
  const build = spawnSync('node', ['scripts/build.mjs'], { cwd: copy });
  if (build.status !== 0) throw new Error(`the copy does not build: ${build.stderr}`);
  const outputFile = join(copy, 'result.json');
  const args = [
    'jest',
    '--selectProjects',
    suite,
    '--testPathPatterns',
    tests,
    '--json',
    `--outputFile=${outputFile}`,
    '--runInBand',
  ];
  spawnSync('npx', ['--no-install', ...args], { cwd: copy, stdio: 'ignore', timeout: 900_000 });
  const result = JSON.parse(readFileSync(outputFile, 'utf8'));
  return result.numFailedTests > 0 && result.numPassedTests > 0;
}
