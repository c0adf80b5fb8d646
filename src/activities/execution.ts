import { failpoints } from '../clients/failpoints';
import { toFailure } from './failures';
import { keepBeating } from './heartbeat';

type AnyActivity = (...args: never[]) => Promise<unknown>;

/**
 * What every activity has around it: it says that it is alive once a second (so that the death of its worker is noticed
 * within the heartbeat timeout, also in the middle of a long call), and what leaves it is a failure with a name.
 */
export function asActivities<T extends object>(activities: T): T {
  const wrapped = Object.entries(activities).map(([name, run]) => [
    name,
    async (...args: never[]) => {
      const stop = keepBeating();
      try {
        await failpoints?.reach('activity', 'before', name);
        const result = await (run as AnyActivity)(...args);
        await failpoints?.reach('activity', 'after', name);
        return result;
      } catch (error) {
        throw toFailure(error);
      } finally {
        stop();
      }
    },
  ]);
  return Object.fromEntries(wrapped) as T;
}
