// Runs every jest project after the other and ends with the sums on a line of their own. A skip, a todo, or a project without a test is a failure.
import { spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

const known = ['unit', 'workflows', 'contract', 'e2e'];
const asked = process.argv.slice(2);
const unknown = asked.filter((name) => !known.includes(name));
if (unknown.length > 0) {
  console.error(`no such project: ${unknown.join(', ')}; there are ${known.join(', ')}`);
  process.exit(2);
}

const folder = mkdtempSync(join(tmpdir(), 'krakenctl-tests-'));
const sums = { passed: 0, failed: 0, skipped: 0 };
const problems = [];
for (const project of asked.length > 0 ? asked : known) {
  const started = Date.now();
  console.log(`\n── ${project}`);
  const outputFile = join(folder, `${project}.json`);
  const serial = project === 'unit' ? [] : ['--runInBand'];
  const args = [
    '--no-install',
    'jest',
    '--selectProjects',
    project,
    '--verbose',
    '--json',
    `--outputFile=${outputFile}`,
    ...serial,
  ];
  // Jest's own report goes to stderr; the JSON that it also prints is in the file.
  const run = spawnSync('npx', args, { stdio: ['ignore', 'ignore', 'inherit'] });
  const result = read(outputFile);
  if (!result) {
    problems.push(`${project}: jest ended without a result (exit ${run.status})`);
    sums.failed += 1;
    continue;
  }
  const skipped = result.numPendingTests + result.numTodoTests;
  const broken = result.numRuntimeErrorTestSuites;
  sums.passed += result.numPassedTests;
  sums.failed += result.numFailedTests + broken;
  sums.skipped += skipped;
  if (result.numTotalTests === 0) problems.push(`${project}: not one test ran`);
  if (skipped > 0) problems.push(`${project}: ${skipped} skipped or todo`);
  if (run.status !== 0 && result.numFailedTests + broken === 0) problems.push(`${project}: jest exited ${run.status}`);
  console.log(`── ${project}: ${result.numPassedTests} passed in ${Math.round((Date.now() - started) / 1000)} s`);
}
rmSync(folder, { recursive: true });
for (const problem of problems) console.error(`✘ ${problem}`);
console.log(`${sums.passed} passed, ${sums.failed} failed, ${sums.skipped} skipped`);
process.exit(sums.failed > 0 || problems.length > 0 ? 1 : 0);

function read(file) {
  try {
    return JSON.parse(readFileSync(file, 'utf8'));
  } catch {
    return undefined;
  }
}
