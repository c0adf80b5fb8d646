import { searchAttributes } from '../../contracts/queues';
import type { Temporal } from '../connect';
import { CliFailure } from '../failure';

const keyword = 2;
const permissionDenied = 7;
const invalidArgument = 3;

/** Serving means that an operation can be started: operations carry search attributes, which are added where they lack. */
export async function ensureSearchAttributes(temporal: Temporal): Promise<boolean> {
  try {
    await addMissing(temporal);
    return true;
  } catch (error) {
    // Some hosted servers keep this service to their administrators, who then have added them.
    return (error as { code?: number }).code === permissionDenied;
  }
}

async function addMissing({ connection, namespace }: Temporal): Promise<void> {
  const { customAttributes } = await connection.operatorService.listSearchAttributes({ namespace });
  const missing = Object.values(searchAttributes).filter((name) => !(name in (customAttributes ?? {})));
  if (missing.length === 0) return;
  const wanted = Object.fromEntries(missing.map((name) => [name, keyword]));
  await connection.operatorService.addSearchAttributes({ namespace, searchAttributes: wanted });
}

/** What a server says of an attribute that its namespace does not have. */
export function lacksSearchAttributes(error: unknown): boolean {
  for (let at = error; at instanceof Error; at = at.cause) {
    const { code, details = '' } = at as { code?: number; details?: string };
    if (code === invalidArgument && /search attribute/i.test(`${at.message} ${details}`)) return true;
  }
  return false;
}

/** For a namespace that was made by hand. @throws {CliFailure} SEARCH_ATTRIBUTES_MISSING with the operator's command. */
export async function addSearchAttributes(temporal: Temporal): Promise<void> {
  try {
    await addMissing(temporal);
  } catch (cause) {
    throw missingSearchAttributes(temporal, cause);
  }
}

export function missingSearchAttributes({ namespace, address }: Temporal, cause: unknown): CliFailure {
  const names = Object.values(searchAttributes);
  const message = `the namespace ${namespace} at ${address} lacks the search attributes ${names.join(', ')} (Keyword)`;
  const options = names.map((name) => `--name ${name} --type Keyword`).join(' ');
  const hint = `temporal operator search-attribute create -n ${namespace} ${options}`;
  return new CliFailure('SEARCH_ATTRIBUTES_MISSING', message, { hint, cause });
}
