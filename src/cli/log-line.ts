import { escapeJson } from './terminal-text';

/** How standard error is written: for a person, or one JSON object a line. */
export type LogFormat = 'text' | 'json';

export interface Remark {
  level: 'debug' | 'info' | 'warn' | 'error';
  message: string;
}

/** `{time, level, message, …}`: time in ISO 8601, UTC. */
export function logLine({ level, message }: Remark, fields: object = {}): string {
  const line = { time: new Date().toISOString(), level, message, ...fields };
  return `${escapeJson(JSON.stringify(line, plainValue))}\n`;
}

/** What JSON has no word for. */
function plainValue(_: string, value: unknown): unknown {
  if (typeof value === 'bigint') return value.toString();
  return value instanceof Error ? (value.stack ?? value.message) : value;
}

/** A remark without what makes it stand out on a terminal, and what that said. */
export function readRemark(text: string): Remark {
  const trimmed = text.trim();
  const [, mark = '', message = trimmed] = /^([!✘]) ([\s\S]*)$/.exec(trimmed) ?? [];
  return { level: mark === '!' ? 'warn' : mark === '✘' ? 'error' : 'info', message };
}
