import type { Beside } from './load';
import { StepFailure } from './load-request';
import { tryOnHost } from './observer';

/** An image that was just acknowledged, pulled on a VM as its programs do, and forgotten again; imports nothing of src. */
export function pullOnVm(name: string, container: string, everyMs = 4_000): Beside {
  return {
    name,
    everyMs,
    pull: async ({ repository, tag, digest }) => {
      const program = 'kraken-pull --json "$1@$2"; code=$?; docker rmi "$1" > /dev/null 2>&1; exit $code';
      const run = await tryOnHost(container, ['sh', '-c', program, 'sh', `${repository}:${tag}`, digest]);
      const said = parse(run.stdout);
      if (run.code !== 0 || !said?.ok) throw new StepFailure('kraken-pull', run.code, `${run.stdout}${run.stderr}`);
      if (said.digest !== digest) throw new StepFailure('kraken-pull', 200, `got ${said.digest}`, digest);
    },
  };
}

function parse(text: string): { ok: boolean; digest: string } | undefined {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
