// Runs every jest project and ends with the sums on a line of their own. A skip, a todo, or a project without a test is a failure.
import { spawn } from 'node:child_process';
import { closeSync, mkdtempSync, openSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

/** One after the other; those of a row beside each other, since one waits for containers and leaves the other a core and more. */
const rows = [
  ['workflows', 'contract'],
  ['e2e', 'unit'],
];
const known = rows.flat();
const asked = process.argv.slice(2);
const unknown = asked.filter((name) => !known.includes(name));
if (unknown.length > 0) {
  console.error(`no such project: ${unknown.join(', ')}; there are ${known.join(', ')}`);
  process.exit(2);
}

const folder = mkdtempSync(join(tmpdir(), 'krakenctl-tests-'));
const sums = { passed: 0, failed: 0, skipped: 0 };
const problems = [];
for (const row of rows) {
  const projects = row.filter((project) => asked.length === 0 || asked.includes(project));
  for (const end of await Promise.all(projects.map((project, at) => runProject(project, at > 0)))) count(end);
}
rmSync(folder, { recursive: true });
for (const problem of problems) console.error(`✘ ${problem}`);
console.log(`${sums.passed} passed, ${sums.failed} failed, ${sums.skipped} skipped`);
process.exit(sums.failed > 0 || problems.length > 0 ? 1 : 0);

/** What is printed by one that runs beside another is kept, and printed when it has ended. */
async function runProject(project, isKept) {
  const started = Date.now();
  const kept = join(folder, `${project}.log`);
  console.log(`\n── ${project}${isKept ? ' (beside it; what it prints follows when it has ended)' : ''}`);
  const outputFile = join(folder, `${project}.json`);
  // Those of `workflows` wait for timers a third of the time, each with a namespace of its own; of Docker there is one. What is beside that takes one core; alone, both.
  const serial = { unit: isKept ? ['--maxWorkers=1'] : [], workflows: ['--maxWorkers=3'] }[project] ?? ['--runInBand'];
  const args = ['--selectProjects', project, '--verbose', '--json', `--outputFile=${outputFile}`, ...serial];
  const onto = isKept ? openSync(kept, 'w') : 'inherit';
  // Jest's own report goes to stderr; the JSON that it also prints is in the file.
  const child = spawn('npx', ['--no-install', 'jest', ...args], { stdio: ['ignore', 'ignore', onto] });
  const status = await new Promise((resolve) => child.on('close', resolve));
  if (isKept) {
    closeSync(onto);
    console.error(`\n── ${project}, as printed\n${readFileSync(kept, 'utf8')}`);
  }
  return { project, status, result: read(outputFile), seconds: Math.round((Date.now() - started) / 1000) };
}

function count({ project, status, result, seconds }) {
  if (!result) {
    problems.push(`${project}: jest ended without a result (exit ${status})`);
    sums.failed += 1;
    return;
  }
  const skipped = result.numPendingTests + result.numTodoTests;
  const broken = result.numRuntimeErrorTestSuites;
  sums.passed += result.numPassedTests;
  sums.failed += result.numFailedTests + broken;
  sums.skipped += skipped;
  if (result.numTotalTests === 0) problems.push(`${project}: not one test ran`);
  if (skipped > 0) problems.push(`${project}: ${skipped} skipped or todo`);
  if (status !== 0 && result.numFailedTests + broken === 0) problems.push(`${project}: jest exited ${status}`);
  console.log(`── ${project}: ${result.numPassedTests} passed in ${seconds} s`);
}

function read(file) {
  try {
    return JSON.parse(readFileSync(file, 'utf8'));
  } catch {
    return undefined;
  }
}
