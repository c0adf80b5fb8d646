import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import { pipe, run } from './commands';
import { docker, dockerArgv, tryDocker } from './docker';
import { exists } from './engine';
import { imageLabel, imageTag } from './names';
import { findProgram, installPackages } from './packages';
import type { Note } from './progress';
import { withScratch } from './scratch';

/** The Debian below every image of the lab: pulled where a registry answers, else bootstrapped from packages. */
const suite = 'bookworm';
const publicImage = `debian:${suite}-slim`;
const included = ['ca-certificates'];
/** A registry that answers has begun to send by then; where none does, waiting longer would only delay the other way. */
const registryAnswersWithinMs = 5_000;
const changes = [`LABEL ${imageLabel}=1`, 'CMD ["bash"]'];

export const baseTag = imageTag('base', JSON.stringify([suite, included, changes]));

/** Makes the base image unless it is there; resolves with its tag. */
export async function ensureBaseImage(note: Note): Promise<string> {
  if (await exists('image', baseTag)) return baseTag;
  note(`asking for ${publicImage}`);
  if (!(await importPublicImage(note))) await bootstrap(note);
  return baseTag;
}

async function importPublicImage(note: Note): Promise<boolean> {
  const wasHere = await exists('image', publicImage);
  if (!wasHere && !(await pullPublicImage(note))) return false;
  const dockerfile = [
    `FROM ${publicImage}`,
    `LABEL ${imageLabel}=1`,
    `RUN apt-get update -qq && apt-get install -y -qq --no-install-recommends ${included.join(' ')} && rm -rf /var/lib/apt/lists/*`,
  ].join('\n');
  await docker(['build', '--force-rm', '-t', baseTag, '-'], {
    input: dockerfile,
    env: { ...process.env, DOCKER_BUILDKIT: '0' },
  });
  // Only the name goes; the layers stay below ours.
  if (!wasHere) await tryDocker(['rmi', publicImage]);
  return true;
}

/** A pull that has begun may take its time; one that gets no answer is given up. */
async function pullPublicImage(note: Note): Promise<boolean> {
  let begun = false;
  const deadline = new AbortController();
  const pull = tryDocker(['pull', publicImage], {
    timeoutMs: 300_000,
    onLine: (line) => {
      if (/Pulling (from|fs layer)/.test(line)) begun = true;
      note(`docker pull ${publicImage}: ${line}`);
    },
  });
  const patience = new Promise<undefined>((resolve) => {
    const timer = setTimeout(() => resolve(undefined), registryAnswersWithinMs);
    deadline.signal.addEventListener('abort', () => clearTimeout(timer));
  });
  const first = await Promise.race([pull, patience]);
  deadline.abort();
  if (first === undefined && !begun) return false;
  return (first ?? (await pull)).code === 0;
}

async function bootstrap(note: Note): Promise<void> {
  const debootstrap = await findDebootstrap(note);
  await withScratch('debootstrap', async (tree) => {
    const argv = [debootstrap, '--variant=minbase', `--include=${included.join(',')}`, suite, tree];
    await run(argv, { onLine: (line) => note(`debootstrap: ${line.replace(/^I: /, '')}`) });
    await rm(join(tree, 'var', 'cache', 'apt'), { recursive: true, force: true });
    await rm(join(tree, 'var', 'lib', 'apt', 'lists'), { recursive: true, force: true });
    note('importing the base image');
    const change = changes.flatMap((it) => ['--change', it]);
    await pipe(['tar', '-C', tree, '-c', '.'], [dockerArgv(['import', ...change, '-', baseTag])]);
  });
}

async function findDebootstrap(note: Note): Promise<string> {
  if (!(await findProgram('debootstrap'))) await installPackages(['debootstrap'], note);
  const path = await findProgram('debootstrap');
  if (!path) throw new Error('no registry answers, and there is no debootstrap to make a base image without one');
  return path;
}
