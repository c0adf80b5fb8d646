import { patched } from '@temporalio/workflow';

/**
 * Activities that are asked for in one task. Each carries the spec, and a record besides: Temporal takes 4 MB of a request, and a hundred hosts with
 * nine parts each would be thirty.
 */
export const mostAtOnce = 50;

/** All of them, in their order; the first failure is thrown at once, and no further one is begun. */
export async function fewAtOnce<T, R>(items: readonly T[], work: (item: T) => Promise<R>): Promise<R[]> {
  // Operations of before had them all at once, and so has every small cluster.
  if (items.length <= mostAtOnce || !patched('few-at-once')) return Promise.all(items.map(work));
  const results: R[] = [];
  const queue = [...items.entries()];
  const take = async () => {
    for (let next = queue.shift(); next !== undefined; next = queue.shift()) {
      const [index, item] = next;
      results[index] = await work(item).catch((error: unknown) => {
        queue.length = 0;
        throw error;
      });
    }
  };
  await Promise.all(Array.from({ length: mostAtOnce }, take));
  return results;
}

/** All of them, whatever comes of each. */
export function settledFewAtOnce<T, R>(
  items: readonly T[],
  work: (item: T) => Promise<R>,
): Promise<PromiseSettledResult<R>[]> {
  return fewAtOnce(items, async (item): Promise<PromiseSettledResult<R>> => {
    try {
      return { status: 'fulfilled', value: await work(item) };
    } catch (reason) {
      return { status: 'rejected', reason };
    }
  });
}
