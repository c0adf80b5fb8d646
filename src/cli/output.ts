import { createColors } from 'picocolors';
import type { CliFailure } from './failure';
import { type LogFormat, logLine, type Remark, readRemark } from './log-line';
import { escapeJson, showForeign, showOnTerminal, withoutColors } from './terminal-text';

export type Format = 'text' | 'json' | 'jsonl';
export type Colors = ReturnType<typeof createColors>;

/** Where a command's words go; the process's streams, or a test's strings. */
export interface Streams {
  out(text: string): void;
  err(text: string): void;
  /** Standard output is a terminal that can move its cursor. */
  live: boolean;
  /** Standard input is a person's. */
  interactive: boolean;
  columns: number;
  environment: NodeJS.ProcessEnv;
}

export interface OutputOptions {
  format: Format;
  color?: 'auto' | 'always' | 'never';
  verbose?: boolean;
  quiet?: boolean;
  logFormat?: LogFormat;
}

/**
 * The one place that writes. In `text` the answer goes to standard output and remarks to standard error; in `json` and
 * `jsonl` standard output carries envelopes alone.
 */
export class Output {
  readonly format: Format;
  readonly verbose: boolean;
  readonly quiet: boolean;
  readonly logFormat: LogFormat;
  readonly colors: Colors;
  private data: unknown;

  constructor(
    readonly streams: Streams,
    options: OutputOptions,
  ) {
    this.format = options.format;
    this.verbose = options.verbose ?? false;
    this.quiet = options.quiet ?? false;
    this.logFormat = options.logFormat ?? 'text';
    this.colors = createColors(options.format === 'text' && wantsColor(streams, options.color ?? 'auto'));
  }

  get isText(): boolean {
    return this.format === 'text';
  }

  /** May redraw: a terminal, text, no CI log that would keep every frame. */
  get isLive(): boolean {
    const { CI, TERM } = this.streams.environment;
    return this.isText && this.streams.live && !this.quiet && TERM !== 'dumb' && !isOn(CI);
  }

  /** A line of the answer; in JSON modes a remark, in a JSON log with `fields` beside the text. */
  line(text = '', fields?: object): void {
    if (this.isText) this.streams.out(`${this.shown(text)}\n`);
    else this.note(text, fields);
  }

  lines(texts: string[]): void {
    for (const text of texts) this.line(text);
  }

  /** What is worth knowing and is not the answer. */
  note(text: string, fields?: object): void {
    if (!this.quiet) this.aside(text, fields);
  }

  detail(text: string): void {
    if (!this.verbose) return;
    if (this.logFormat === 'json') this.log({ level: 'debug', message: text });
    else this.aside(text);
  }

  /** Onto standard error in any case. */
  aside(text: string, fields?: object): void {
    if (this.logFormat === 'json') this.log(readRemark(withoutColors(text)), fields);
    else this.streams.err(`${this.shown(text)}\n`);
  }

  /** A line of a JSON log; one that says nothing is none. */
  log({ level, message }: Remark, fields?: object): void {
    if (message !== '') this.streams.err(logLine({ level, message: showForeign(withoutColors(message)) }, fields));
  }

  /** The answer of a command, for JSON modes; the last one counts. */
  result(data: unknown): void {
    this.data = data;
  }

  /** One of many: a line of its own in `jsonl`, nothing in the others. */
  item(data: unknown): void {
    if (this.format === 'jsonl') this.streams.out(`${escapeJson(JSON.stringify({ ok: true, data }))}\n`);
  }

  succeed(): void {
    if (!this.isText) this.streams.out(`${this.envelope({ ok: true, data: this.data ?? null })}\n`);
  }

  fail(failure: CliFailure): void {
    const { code, message, host, retryable, hint, logTail } = failure;
    if (!this.isText) {
      const error = { code, message, host: host ?? null, retryable, hint: hint ?? null, ...(logTail && { logTail }) };
      const data = failure.data ?? this.data ?? null;
      this.streams.out(`${this.envelope({ ok: false, data, error })}\n`);
    }
    const stack = this.verbose ? stackOf(failure) : undefined;
    if (this.logFormat === 'json') this.log({ level: 'error', message }, { code, host, hint, stack });
    else this.describe(failure, stack);
  }

  private describe(failure: CliFailure, stack?: string): void {
    if (this.isText || this.verbose)
      for (const line of describeFailure(failure, this.colors)) this.streams.err(`${this.shown(line)}\n`);
    if (stack !== undefined) this.streams.err(`${showForeign(stack)}\n`);
  }

  /** Safe for a terminal; whatever writes to one beside these methods passes its text through here. */
  shown(text: string): string {
    return showOnTerminal(text, { colored: this.colors.isColorSupported });
  }

  private envelope(value: object): string {
    return escapeJson(JSON.stringify(value, null, this.format === 'json' ? 2 : undefined));
  }
}

/** One line of what and where, then the rest of a longer message and of a log, then the next command. */
export function describeFailure(failure: CliFailure, colors: Colors): string[] {
  // A host's or a registry's own words may be in each of them.
  const code = showForeign(failure.code);
  const message = showForeign(failure.message);
  const host = failure.host && showForeign(failure.host);
  const hint = failure.hint && showForeign(failure.hint);
  const [first = '', ...rest] = message.split('\n');
  const where = host && !message.startsWith(host) ? `${host}: ` : '';
  const lines = [
    `${colors.red('✘')} ${colors.bold(code)} ${where}${first}`,
    ...rest.map((line) => `    ${line}`),
    ...describeTail(failure),
  ];
  return hint ? [...lines, `  → ${hint}`] : lines;
}

function describeTail({ logTail }: CliFailure): string[] {
  if (!logTail) return [];
  const { host, part, lines } = logTail;
  const shown = lines.map((line) => `    │ ${showForeign(line)}`);
  return [`    what ${part} of ${host} wrote last:`, ...shown];
}

function stackOf(error: Error): string {
  const inner = error.cause instanceof Error ? `\ncaused by ${stackOf(error.cause)}` : '';
  return `${error.stack ?? error.message}${inner}`;
}

/** no-color.org: any non-empty NO_COLOR; a person's `--color` wins over the environment. */
function wantsColor({ live, environment }: Streams, color: 'auto' | 'always' | 'never'): boolean {
  if (color !== 'auto') return color === 'always';
  if (environment.NO_COLOR || environment.TERM === 'dumb') return false;
  if (isOn(environment.FORCE_COLOR)) return true;
  return live && !isOn(environment.CI);
}

function isOn(value: string | undefined): boolean {
  return value !== undefined && value !== '' && value !== '0' && value !== 'false';
}
