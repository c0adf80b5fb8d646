import { rmSync } from 'node:fs';
import { labDown } from '../../lab/lab';
import type { Context } from '../context';
import { logPath } from '../daemons';
import { exitCodes } from '../exit-codes';
import { serverDown } from '../temporal/dev-server';
import { stopWorker } from '../worker-process';
import { demoLab } from './demo';
import { removeEnv } from './env-file';
import { Steps } from './steps';

/** No container, network, volume or process stays; with `purge` no image, cache or data either. */
export async function demoDown({ output, environment }: Context, purge: boolean): Promise<number> {
  const steps = new Steps(output);
  await steps.run('worker', async () => ({
    message: (await stopWorker(environment)) ? 'stopped' : 'none was running',
  }));
  await steps.run('temporal', async () => {
    const { stopped } = await serverDown(environment, purge);
    return {
      message: `${stopped ? 'stopped' : 'none of ours was running'}${purge ? ', data removed' : ', data kept'}`,
    };
  });
  await steps.run('lab', async (note) => {
    const removal = await labDown(demoLab, { purge, progress: ({ message }) => note(message) });
    const { containers, networks, volumes, images } = removal;
    return { message: `${containers} containers, ${networks} networks, ${volumes} volumes, ${images} images removed` };
  });
  removeEnv(environment);
  // The owner's id stays: other clusters of this person know it.
  if (purge) rmSync(logPath('worker', environment), { force: true });
  output.line(
    purge
      ? 'nothing is left of the demo'
      : 'removed; images and caches are kept for the next time, --purge removes them too',
  );
  return exitCodes.done;
}
