import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { docker } from './docker';
import { exists } from './engine';
import { imageLabel, imageTag } from './names';
import type { Note } from './progress';
import { withScratch } from './scratch';

/** How one image of the lab is made, on top of its base. The same recipe on the same base is built once. */
export interface ImageRecipe {
  name: string;
  /** Files of the build's folder, by name. */
  files?: Record<string, { text: string; mode: number }>;
  /** Dockerfile instructions after FROM. */
  steps: string[];
  /** Puts larger files into the build's folder; what they are must be said by the steps or `version`. */
  fetch?: (folder: string, note: Note) => Promise<void>;
  /** Part of the recipe that the steps do not show, such as the hash of what is fetched. */
  version?: string;
}

export function recipeTag(recipe: ImageRecipe, base: string): string {
  const { name, files, steps, version } = recipe;
  return imageTag(name, JSON.stringify([base, files, steps, version]));
}

/** Builds the image unless it is there; resolves with its tag, and whether it had to be built. */
export async function ensureImage(
  recipe: ImageRecipe,
  base: string,
  note: Note,
): Promise<{ tag: string; built: boolean }> {
  const tag = recipeTag(recipe, base);
  if (await exists('image', tag)) return { tag, built: false };
  await withScratch(recipe.name, async (folder) => {
    for (const [name, { text, mode }] of Object.entries(recipe.files ?? {})) {
      await writeFile(join(folder, name), text, { mode });
    }
    await recipe.fetch?.(folder, note);
    // The label comes first, so that what an interrupted build leaves carries it too.
    const dockerfile = [`FROM ${base}`, `LABEL ${imageLabel}=1`, ...recipe.steps].join('\n');
    await writeFile(join(folder, 'Dockerfile'), dockerfile);
    await docker(['build', '--force-rm', '-t', tag, folder], {
      // The classic builder is part of every engine; BuildKit needs a plugin that Debian does not have.
      env: { ...process.env, DOCKER_BUILDKIT: '0' },
      onLine: (line) => note(`${recipe.name}: ${line.slice(0, 100)}`),
    });
  });
  return { tag, built: true };
}
