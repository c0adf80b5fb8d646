// Runs every jest project and ends with the sums on a line of their own. A skip, a todo, or a project without a test is a failure.
import { spawn } from 'node:child_process';
import { closeSync, mkdtempSync, openSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

/**
 * Files of `workflows` that are right however slowly they run: nothing in them is over after so many seconds. The lab leaves a third of both cores idle, which
 * they take; the other files want a core of their own.
 */
const patient = [
  'agent-canary',
  'codec',
  'deploy-cluster',
  'destroy-cluster',
  'installed-vms',
  'kept-agent',
  'live',
  'many-agents',
  'many-nodes',
  'namespace',
  'operate-firewall',
  'preflight',
  'replay',
  'reset',
  'take-over-cluster',
];
const patientFiles = `/(${patient.join('|')})\\.test\\.ts$`;

/** Runs of jest: a project, or a part of one. */
const runs = {
  workflows: { project: 'workflows', options: ['--maxWorkers=3', '--testPathIgnorePatterns', patientFiles] },
  'patient workflows': { project: 'workflows', options: ['--runInBand', '--testPathPatterns', patientFiles] },
  contract: { project: 'contract', options: ['--runInBand'] },
  e2e: { project: 'e2e', options: ['--runInBand'] },
  unit: { project: 'unit', options: [], beside: ['--maxWorkers=1'] },
};

/** One row after the other; beside the first of a row those behind it, one after the other too. */
const rows = [
  ['workflows', 'contract'],
  ['e2e', 'unit', 'patient workflows'],
];
const known = [...new Set(Object.values(runs).map(({ project }) => project))];
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
  const [first, ...beside] = row.filter((run) => asked.length === 0 || asked.includes(runs[run].project));
  if (first) await Promise.all([runJest(first, false).then(count), runInTurn(beside)]);
}
rmSync(folder, { recursive: true });
for (const problem of problems) console.error(`✘ ${problem}`);
console.log(`${sums.passed} passed, ${sums.failed} failed, ${sums.skipped} skipped`);
process.exit(sums.failed > 0 || problems.length > 0 ? 1 : 0);

async function runInTurn(names) {
  for (const name of names) count(await runJest(name, true));
}

/** What is printed by one that runs beside another is kept, and printed when it has ended. */
async function runJest(name, isKept) {
  const started = Date.now();
  const { project, options, beside = [] } = runs[name];
  const kept = join(folder, `${name}.log`);
  console.log(`\n── ${name}${isKept ? ' (beside it; what it prints follows when it has ended)' : ''}`);
  const outputFile = join(folder, `${name}.json`);
  const args = [
    '--selectProjects',
    project,
    '--verbose',
    '--json',
    `--outputFile=${outputFile}`,
    ...options,
    ...(isKept ? beside : []),
  ];
  const onto = isKept ? openSync(kept, 'w') : 'inherit';
  // Jest's own report goes to stderr; the JSON that it also prints is in the file.
  const child = spawn('npx', ['--no-install', 'jest', ...args], { stdio: ['ignore', 'ignore', onto] });
  const status = await new Promise((resolve) => child.on('close', resolve));
  if (isKept) {
    closeSync(onto);
    console.error(`\n── ${name}, as printed\n${readFileSync(kept, 'utf8')}`);
  }
  return { name, status, result: read(outputFile), seconds: Math.round((Date.now() - started) / 1000) };
}

function count({ name, status, result, seconds }) {
  if (!result) {
    problems.push(`${name}: jest ended without a result (exit ${status})`);
    sums.failed += 1;
    return;
  }
  const skipped = result.numPendingTests + result.numTodoTests;
  const broken = result.numRuntimeErrorTestSuites;
  sums.passed += result.numPassedTests;
  sums.failed += result.numFailedTests + broken;
  sums.skipped += skipped;
  if (result.numTotalTests === 0) problems.push(`${name}: not one test ran`);
  if (skipped > 0) problems.push(`${name}: ${skipped} skipped or todo`);
  if (status !== 0 && result.numFailedTests + broken === 0) problems.push(`${name}: jest exited ${status}`);
  console.log(`── ${name}: ${result.numPassedTests} passed in ${seconds} s`);
}

function read(file) {
  try {
    return JSON.parse(readFileSync(file, 'utf8'));
  } catch {
    return undefined;
  }
}
