import { createHash } from 'node:crypto';
import type { Redact } from '../../text/redaction';
import { toCliFailure } from '../failure';

/** Files of a bundle by path, redacted; and what could not be had. */
export interface Bundle {
  files: Map<string, string>;
  missing: Missing[];
}

export interface Missing {
  what: string;
  why: string;
}

/** One witness. What it can tell only in part, it tells, and names the rest as missing. */
export interface Source {
  name: string;
  collect(): Promise<Collected>;
}

export interface Collected {
  /** Text by path; anything else becomes JSON. */
  files: Record<string, unknown>;
  missing?: Missing[];
}

export interface CollectOptions {
  redact: Redact;
  /** Most that one source may take. */
  timeoutMs?: number;
}

const defaultTimeoutMs = 90_000;
/** A text longer than this keeps its end, which is where the trouble is. */
const largestText = 8 * 1024 * 1024;

/** All sources at once; one that is away takes nothing with it. */
export async function collectBundle(
  sources: Source[],
  { redact, timeoutMs = defaultTimeoutMs }: CollectOptions,
): Promise<Bundle> {
  const answers = await Promise.all(sources.map((source) => ask(source, timeoutMs)));
  const files = new Map<string, string>();
  for (const { files: found } of answers) {
    for (const [path, content] of Object.entries(found)) files.set(path, redact(toText(content)));
  }
  const missing = answers.flatMap((a) => a.missing ?? []).map(({ what, why }) => ({ what, why: redact(why) }));
  return { files: new Map([...files].sort(([a], [b]) => (a < b ? -1 : 1))), missing };
}

async function ask(source: Source, timeoutMs: number): Promise<Collected> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(new Error(`no answer within ${timeoutMs / 1000} s`)), timeoutMs);
  });
  try {
    return await Promise.race([source.collect(), late]);
  } catch (error) {
    return { files: {}, missing: [{ what: source.name, why: toCliFailure(error).message }] };
  } finally {
    clearTimeout(timer);
  }
}

function toText(content: unknown): string {
  const text = typeof content === 'string' ? content : `${JSON.stringify(content, null, 1)}\n`;
  return text.length > largestText ? `[the beginning is left out]\n${text.slice(-largestText)}` : text;
}

/** What is inside, with sums, and what is not, with reasons. */
export function manifestOf(bundle: Bundle, facts: { createdAt: string; krakenctl: string; cluster: string }): string {
  const files = [...bundle.files].map(([path, text]) => ({
    path,
    bytes: Buffer.byteLength(text),
    sha256: createHash('sha256').update(text).digest('hex'),
  }));
  return `${JSON.stringify({ ...facts, files, notCollected: bundle.missing }, null, 1)}\n`;
}
