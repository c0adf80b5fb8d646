// src/**/*.ts → dist/**/*.js, and the workflow bundle. Does only what changed, so that every script can call it first.
import { execFileSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync, mkdirSync, readdirSync, readFileSync, renameSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { dirname, join, relative } from 'node:path';
import { fileURLToPath } from 'node:url';

const root = join(dirname(fileURLToPath(import.meta.url)), '..');
const source = join(root, 'src');
const target = join(root, 'dist');
const stampPath = join(target, '.stamp.json');
/** By file: what writes failures, which is part of the workflows' own code. */
const bundles = {
  'workflow-bundle.js': undefined,
  'workflow-bundle-encrypting.js': join(target, 'codec', 'failure-converter.js'),
};

const sum = (...parts) =>
  parts.reduce((hash, part) => hash.update(part).update('\0'), createHash('sha256')).digest('hex');
const readJson = (path) => (existsSync(path) ? JSON.parse(readFileSync(path, 'utf8')) : undefined);

/** Aside and renamed: another build, or a process that starts meanwhile, never sees half a file. */
function write(path, contents) {
  mkdirSync(dirname(path), { recursive: true });
  writeFileSync(`${path}.${process.pid}`, contents);
  renameSync(`${path}.${process.pid}`, path);
}

function listSources() {
  return readdirSync(source, { withFileTypes: true, recursive: true })
    .filter((entry) => entry.isFile() && !entry.name.endsWith('.d.ts') && !entry.name.endsWith('.md'))
    .map((entry) => relative(source, join(entry.parentPath ?? entry.path, entry.name)))
    .sort();
}

const outputOf = (file) => join(target, file.replace(/\.ts$/, '.js'));

/** What the compiler itself is made of: a change of it makes everything anew. */
function toolSum() {
  const version = (name) => readJson(join(root, 'node_modules', name, 'package.json'))?.version ?? '';
  return sum(
    readFileSync(join(root, '.swcrc')),
    readFileSync(fileURLToPath(import.meta.url)),
    version('@swc/core'),
    version('@temporalio/worker'),
  );
}

/** Size and time first, so that an unchanged tree costs one stat a file; the sum decides. */
function findChanges(known) {
  const files = {};
  const changed = [];
  for (const file of listSources()) {
    const { mtimeMs, size } = statSync(join(source, file));
    const before = known[file];
    const same = before && before.mtimeMs === mtimeMs && before.size === size;
    const hash = same ? before.hash : sum(readFileSync(join(source, file)));
    files[file] = { mtimeMs, size, hash };
    if (before?.hash !== hash || !existsSync(outputOf(file))) changed.push(file);
  }
  return { files, changed, gone: Object.keys(known).filter((file) => !files[file]) };
}

async function transpile(changed) {
  const { transformFile } = await import('@swc/core');
  await Promise.all(
    changed.map(async (file) => {
      if (!file.endsWith('.ts')) return write(outputOf(file), readFileSync(join(source, file)));
      const { code, map } = await transformFile(join(source, file), {
        configFile: join(root, '.swcrc'),
        sourceMaps: true,
        sourceFileName: relative(dirname(outputOf(file)), join(source, file)),
      });
      const name = file.slice(file.lastIndexOf('/') + 1).replace(/\.ts$/, '.js.map');
      write(`${outputOf(file)}.map`, map);
      write(outputOf(file), `${code}\n//# sourceMappingURL=${name}\n`);
    }),
  );
}

/** Everything that the workflows load, by following their own requires. */
function workflowSum() {
  const seen = new Map();
  const follow = (path) => {
    const file = [path, `${path}.js`, join(path, 'index.js')].find((p) => existsSync(p) && statSync(p).isFile());
    if (!file || seen.has(file)) return;
    const text = readFileSync(file, 'utf8');
    seen.set(file, text);
    for (const [, name] of text.matchAll(/require\("(\.[^"]+)"\)/g)) follow(join(dirname(file), name));
  };
  follow(join(target, 'workflows', 'index.js'));
  return sum(
    ...[...seen]
      .sort(([a], [b]) => (a < b ? -1 : 1))
      .flat()
      .map((text) => text.replace(root, '')),
  );
}

async function bundle() {
  const { bundleWorkflowCode, DefaultLogger } = await import('@temporalio/worker');
  for (const [name, failureConverterPath] of Object.entries(bundles)) {
    const { code } = await bundleWorkflowCode({
      workflowsPath: join(target, 'workflows', 'index.js'),
      failureConverterPath,
      logger: new DefaultLogger('WARN'),
    });
    write(join(target, name), code);
  }
}

/** What a worker does not run: a change there leaves a worker as new as the CLI. */
const besideWorker = /^(cli|lab)\//;

/**
 * What `krakenctl version` says, by which the CLI tells a worker of other sources, and by which workers tell who is newer: the time of the
 * commit, which is the same wherever it is built, then the time at which the worker's sources became these.
 */
function describeBuild(files, before) {
  const { version } = readJson(join(root, 'package.json'));
  const sumOf = (entries) => sum(...entries.flatMap(([file, { hash }]) => [file, hash])).slice(0, 8);
  const all = Object.entries(files);
  const worker = sumOf(all.filter(([file]) => !besideWorker.test(file)));
  const { commit, releasedAt } = findCommit();
  const builtAt = before?.worker === worker && before.builtAt ? before.builtAt : Math.floor(Date.now() / 1000);
  return { version, build: sumOf(all), worker, commit, releasedAt, builtAt };
}

/** A tree without git, as in a container, is told the time by SOURCE_DATE_EPOCH, as by reproducible builds. */
function findCommit() {
  const told = Number(process.env.SOURCE_DATE_EPOCH || Number.NaN);
  const releasedAt = Number.isSafeInteger(told) ? told : undefined;
  if (!existsSync(join(root, '.git'))) return { releasedAt };
  try {
    const options = { cwd: root, encoding: 'utf8', stdio: ['ignore', 'pipe', 'ignore'] };
    const shown = execFileSync('git', ['show', '-s', '--abbrev=12', '--format=%h %ct', 'HEAD'], options);
    const [commit, at] = shown.trim().split(' ');
    return { commit, releasedAt: releasedAt ?? Number(at) };
  } catch {
    return { releasedAt }; // No git, or no commit yet.
  }
}

async function build() {
  const startedAt = Date.now();
  const stamp = readJson(stampPath);
  const tool = toolSum();
  const { files, changed, gone } = findChanges(stamp?.tool === tool ? stamp.files : {});
  if (changed.length > 0) await transpile(changed);
  for (const file of gone) {
    rmSync(outputOf(file), { force: true });
    rmSync(`${outputOf(file)}.map`, { force: true });
  }
  const touched = changed.length + gone.length > 0;
  const workflows = touched || !stamp?.workflows ? workflowSum() : stamp.workflows;
  const rebundle =
    stamp?.tool !== tool ||
    stamp?.workflows !== workflows ||
    Object.keys(bundles).some((name) => !existsSync(join(target, name)));
  if (rebundle) await bundle();
  const buildPath = join(target, 'build.json');
  const description = `${JSON.stringify(describeBuild(files, readJson(buildPath)))}\n`;
  if (!existsSync(buildPath) || readFileSync(buildPath, 'utf8') !== description) write(buildPath, description);
  const next = JSON.stringify({ tool, workflows, files });
  if (JSON.stringify(stamp) !== next) write(stampPath, next);
  const seconds = ((Date.now() - startedAt) / 1000).toFixed(1);
  const what = [touched && `${changed.length} files`, rebundle && 'workflow bundles'].filter(Boolean);
  if (what.length > 0) console.error(`build: ${what.join(', ')} in ${seconds}s`);
}

await build();
