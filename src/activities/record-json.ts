import { ActivityError } from './failures';

/**
 * A file of a cluster's record, from the bytes that a host has.
 *
 * @throws {ActivityError} RECORD_DAMAGED
 */
export function parseRecord<T>(host: string, name: string, bytes: Buffer | undefined): T | undefined {
  if (bytes === undefined) return undefined;
  try {
    return JSON.parse(bytes.toString()) as T;
  } catch {
    throw new ActivityError('RECORD_DAMAGED', `${name} on ${host} is not JSON`, {
      host,
      final: true,
      hint: 'move the damaged file away on that host; a majority of the other nodes still has the record',
    });
  }
}
