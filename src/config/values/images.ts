import type { ZodType } from 'zod';
import { matchText, Refusal, readText } from './text';

/** Image names by the grammar of the OCI distribution specification. */

const host = '[a-zA-Z0-9](?:[a-zA-Z0-9-]*[a-zA-Z0-9])?(?:\\.[a-zA-Z0-9](?:[a-zA-Z0-9-]*[a-zA-Z0-9])?)*(?::[0-9]{1,5})?';
const component = '[a-z0-9]+(?:(?:\\.|_|__|-+)[a-z0-9]+)*';
const tag = '[A-Za-z0-9_][A-Za-z0-9._-]{0,127}';
const registryPattern = new RegExp(`^${host}(?:/${component})*$`);
const referencePattern = new RegExp(
  `^(?:${host}/)?${component}(?:/${component})*(?::${tag})?(?:@sha256:[a-f0-9]{64})?$`,
);

export const imageTag: ZodType<string, string> = matchText(
  new RegExp(`^${tag}$`),
  'a tag has letters, digits, ".", "_" and "-"',
);

/** Registry and path before `/kraken-origin`. */
export const registry: ZodType<string, string> = readText((text) => {
  if (text.includes('://')) return new Refusal('without https://');
  if (text.endsWith('/')) return new Refusal('without / at its end');
  if (text.length > 255 || !registryPattern.test(text)) return new Refusal('host, port and lower-case path only');
  return text;
});

/** A whole reference; with a tag or digest, since none means "whatever is newest today". */
export const imageReference: ZodType<string, string> = readText((text) => {
  if (text.includes('://')) return new Refusal('without https://');
  if (text.length > 255 || !referencePattern.test(text))
    return new Refusal('[registry/]name:tag, the name in lower case');
  const name = text.slice(text.lastIndexOf('/') + 1);
  return name.includes(':') || name.includes('@') ? text : new Refusal('the tag or digest is missing');
});
