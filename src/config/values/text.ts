import { z } from 'zod';

/** Why a text is not a value; shown as the hint beside the key's range. */
export class Refusal {
  constructor(readonly hint: string) {}
}

/** A schema from text to value whose only issue is the hint, since a person reads the key's own range and not a library's words. */
export function readText<T>(read: (text: string) => T | Refusal): z.ZodType<T, string> {
  return z.string().transform((text, context): T => {
    const value = read(text);
    if (!(value instanceof Refusal)) return value;
    context.addIssue({ code: 'custom', message: value.hint });
    return z.NEVER;
  });
}

export function matchText(pattern: RegExp, hint = ''): z.ZodType<string, string> {
  return readText((text) => (pattern.test(text) ? text : new Refusal(hint)));
}

export function oneOf<const T extends string>(...values: T[]): z.ZodType<T, string> {
  return readText((text) => {
    const known = values.find((value) => value === text);
    if (known !== undefined) return known;
    const near = values.find((value) => value === text.toLowerCase());
    return new Refusal(near ? `write ${near}` : '');
  });
}

export const flag: z.ZodType<boolean, string> = readText((text) => {
  if (text === 'true' || text === 'false') return text === 'true';
  if (/^(1|y|yes|on|enabled?|true)$/i.test(text)) return new Refusal('write true');
  if (/^(0|n|no|off|disabled?|false)$/i.test(text)) return new Refusal('write false');
  return new Refusal('');
});
