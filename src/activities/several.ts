import { eachOf } from '../clients/each-of';
import { beat } from './heartbeat';

/** {@link eachOf}, telling how many were seen. */
export function eachSeen<T, R>(items: T[], atOnce: number, work: (item: T) => Promise<R>): Promise<R[]> {
  let seen = 0;
  return eachOf(items, atOnce, async (item) => {
    const result = await work(item);
    seen += 1;
    beat({ seen });
    return result;
  });
}
