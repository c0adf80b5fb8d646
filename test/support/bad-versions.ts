import type { Lab } from '../../src/lab/lab';
import { pushChanged } from './registry';

/**
 * Puts a version of the stand-in into the lab's registry that differs from another in its name alone, which is what tells the stand-in how to
 * misbehave (src/lab/stand-in/misbehaviour.ts). Nothing is built: hosts have all layers and take milliseconds to pull it.
 */
export async function publishVersion(lab: Lab, version: string, from = lab.images.version): Promise<void> {
  await Promise.all(
    Object.values(lab.images.krakenRepositories).map((reference) => {
      const repository = reference.replace(/^[^/]+\//, '');
      return pushChanged(
        { registry: lab.registry.fromHere, repository, tag: from },
        version,
        ({ config = {}, ...image }) => {
          const env = ((config.Env ?? []) as string[]).filter((line) => !line.startsWith('STAND_IN_VERSION='));
          const labels = { ...(config.Labels ?? {}), 'org.opencontainers.image.version': version };
          return { ...image, config: { ...config, Env: [...env, `STAND_IN_VERSION=${version}`], Labels: labels } };
        },
      );
    }),
  );
}
