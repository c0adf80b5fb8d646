import type { LabProgress } from '../lab/lab';
import type { Output } from './output';
import { showDuration } from './time-text';

/** A lab's steps as lines: what is done with its time, and every 5 s what still goes on. */
export function labProgressLines(
  output: Output,
  say: (line: string) => void = (line) => output.note(line),
): (event: LabProgress) => void {
  const lastSaid = new Map<string, number>();
  return ({ step, message, state, seconds = 0 }) => {
    const { colors } = output;
    const line = (symbol: string) =>
      `   ${symbol} ${step.padEnd(14)} ${showDuration(seconds * 1000).padStart(6)}  ${message}`;
    if (state === 'done') say(line(colors.green('✔')));
    if (state === 'failed') say(line(colors.red('✘')));
    if (state !== 'running' || seconds - (lastSaid.get(step) ?? 0) < 4.5) return;
    lastSaid.set(step, seconds);
    say(line(colors.cyan('▸')));
  };
}
