import type { ZodType } from 'zod';
import { Refusal, readText } from './text';

/** Cron expressions of five fields, as Temporal's schedules take them. */

interface Field {
  name: string;
  min: number;
  max: number;
  names?: string[];
}

const fields: Field[] = [
  { name: 'minute', min: 0, max: 59 },
  { name: 'hour', min: 0, max: 23 },
  { name: 'day of month', min: 1, max: 31 },
  { name: 'month', min: 1, max: 12, names: 'jan feb mar apr may jun jul aug sep oct nov dec'.split(' ') },
  { name: 'day of week', min: 0, max: 7, names: 'sun mon tue wed thu fri sat'.split(' ') },
];

const daysOfMonth = [31, 29, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31];

export const cron: ZodType<string, string> = readText((text) => {
  const texts = text.split(/ +/);
  if (text.startsWith('@')) return new Refusal('five fields, not a nickname such as @daily');
  if (texts.length !== 5) return new Refusal(`five fields, not ${texts.length}`);
  for (const [i, field] of fields.entries()) {
    const values = readField(texts[i]!, field);
    if (values instanceof Refusal) return values;
  }
  return everFires(texts) ? text : new Refusal('no such day exists in that month, so it would never run');
});

function readField(text: string, field: Field): number[] | Refusal {
  const values: number[] = [];
  for (const part of text.split(',')) {
    const read = readPart(part, field);
    if (!read) return new Refusal(`the ${field.name} is ${field.min} to ${field.max}, not ${part || 'empty'}`);
    values.push(...read);
  }
  return values;
}

/** One of `*`, `5`, `1-5`, each with an optional `/step`. */
function readPart(part: string, field: Field): number[] | undefined {
  const match = /^(?:(\*)|([a-z0-9]+)(?:-([a-z0-9]+))?)(?:\/([1-9]\d?))?$/i.exec(part);
  if (!match) return undefined;
  const [, star, from, to, step] = match;
  const low = star ? field.min : readValue(from!, field);
  const high = star || (step && to === undefined) ? field.max : to === undefined ? low : readValue(to, field);
  if (low === undefined || high === undefined || low > high) return undefined;
  const every = Number(step ?? 1);
  return Array.from({ length: Math.floor((high - low) / every) + 1 }, (_, i) => low + i * every);
}

function readValue(text: string, { min, max, names }: Field): number | undefined {
  const named = names?.indexOf(text.toLowerCase()) ?? -1;
  if (named >= 0) return named + min;
  const value = /^\d{1,2}$/.test(text) ? Number(text) : Number.NaN;
  return value >= min && value <= max ? value : undefined;
}

/** A day of week makes any date possible, since cron takes either of the two days. */
function everFires(texts: string[]): boolean {
  if (texts[4] !== '*') return true;
  const days = readField(texts[2]!, fields[2]!) as number[];
  const months = readField(texts[3]!, fields[3]!) as number[];
  return months.some((month) => days.some((day) => day <= daysOfMonth[month - 1]!));
}
