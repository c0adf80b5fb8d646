import type { Output } from '../output';
import { showDuration } from '../time-text';

/** Nobody looks at a silent program for longer than this. */
const silenceMs = 8000;

/** The demo's steps as lines; whatever takes long says every few seconds what it is at. */
export class Steps {
  private lastSaid = Date.now();

  constructor(private readonly output: Output) {}

  /** What `work` resolves with is the line's text. */
  async run<T extends { message: string }>(
    name: string,
    work: (note: (text: string) => void) => Promise<T>,
  ): Promise<T> {
    const startedAt = Date.now();
    this.lastSaid = startedAt;
    const { colors } = this.output;
    let current = '';
    const timer = setInterval(() => {
      if (Date.now() - this.lastSaid >= silenceMs)
        this.say({ symbol: colors.cyan('▸'), name, startedAt, text: current });
    }, 1000);
    try {
      const result = await work((text) => {
        current = text;
      });
      this.say({ symbol: colors.green('✔'), name, startedAt, text: result.message });
      return result;
    } catch (error) {
      this.say({ symbol: colors.red('✘'), name, startedAt, text: '' });
      throw error;
    } finally {
      clearInterval(timer);
    }
  }

  line(text: string): void {
    this.lastSaid = Date.now();
    this.output.line(text);
  }

  private say({
    symbol,
    name,
    startedAt,
    text,
  }: {
    symbol: string;
    name: string;
    startedAt: number;
    text: string;
  }): void {
    this.line(` ${symbol} ${name.padEnd(12)} ${showDuration(Date.now() - startedAt).padStart(6)}  ${text}`.trimEnd());
  }
}
