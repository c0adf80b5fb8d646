import { type ZodType, z } from 'zod';
import { Refusal, readText } from './text';

/** Numbers, sizes and durations. None may be written in two ways that readers take for different values (022, 1e3, 0x1f). */

interface Bounds {
  min: number;
  max: number;
}

export function wholeNumber({ min, max }: Bounds): ZodType<number, string> {
  return readText((text) => {
    if (!/^(0|[1-9]\d{0,14})$/.test(text)) return new Refusal(explainNumber(text));
    const value = Number(text);
    return value < min || value > max ? new Refusal(value < min ? 'too small' : 'too big') : value;
  });
}

function explainNumber(text: string): string {
  if (/^0\d+$/.test(text)) return 'without leading zeros, which some readers take for octal';
  return /^\d+[.,]\d+$/.test(text) ? 'a whole number' : 'only digits';
}

export const port = wholeNumber({ min: 1, max: 65535 });
/** Redis listens for its cluster bus on its port + 10000. */
export const redisPort = wholeNumber({ min: 1, max: 55535 });

/** Cores; two decimals, since Docker refuses less than a hundredth. */
export const cpus: ZodType<number, string> = readText((text) => {
  if (!/^(0|[1-9]\d{0,2})(\.\d{1,2})?$/.test(text)) return new Refusal('a number such as 0.5 or 2');
  return Number(text) > 512 ? new Refusal('too big') : Number(text);
});

const sizeUnits: Record<string, number> = { b: 1, k: 2 ** 10, m: 2 ** 20, g: 2 ** 30, t: 2 ** 40 };

/** Bytes. Units count by 1024 whether or not a `b` follows; `redis.conf` and Docker disagree about `1k`, so bytes are passed on. */
export function size({ min, max }: Bounds): ZodType<number, string> {
  return readText((text) => {
    const match = /^([1-9]\d{0,8})([kmgt])b?$/i.exec(text);
    if (!match) return new Refusal(explainSize(text));
    const bytes = Number(match[1]) * sizeUnits[match[2]!.toLowerCase()]!;
    return bytes < min || bytes > max ? new Refusal(bytes < min ? 'too small' : 'too big') : bytes;
  });
}

function explainSize(text: string): string {
  if (/^\d+$/.test(text)) return `the unit is missing, for example ${text}m`;
  if (/^\d+\.\d+\s*[kmgt]/i.test(text)) return 'a whole number, in the next smaller unit';
  return 'digits and one of k, m, g, t, for example 512mb';
}

const durationUnits: Record<string, number> = { ms: 1, s: 1000, m: 60_000, h: 3_600_000, d: 86_400_000 };

/** Milliseconds. */
export function durationMs({ min, max }: Bounds): ZodType<number, string> {
  return readText((text) => {
    if (text === '0' && min === 0) return 0;
    const match = /^(0|[1-9]\d{0,8})(ms|s|m|h|d)$/.exec(text);
    if (!match) return new Refusal(explainDuration(text));
    const ms = Number(match[1]) * durationUnits[match[2]!]!;
    return ms < min || ms > max ? new Refusal(ms < min ? 'too short' : 'too long') : ms;
  });
}

/** Whole seconds, for programs whose configuration knows no smaller ones. */
export function durationSeconds({ min, max }: Bounds): ZodType<number, string> {
  return z.pipe(
    durationMs({ min: min * 1000, max: max * 1000 }),
    z.number().transform((ms, context) => {
      if (ms % 1000 === 0) return ms / 1000;
      context.addIssue({ code: 'custom', message: 'whole seconds' });
      return z.NEVER;
    }),
  );
}

function explainDuration(text: string): string {
  if (/^\d+$/.test(text)) return `the unit is missing, for example ${text}s`;
  return 'digits and one of ms, s, m, h, d, for example 30s';
}
