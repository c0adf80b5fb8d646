import { ProcessInterrupts } from './interrupts';
import type { Streams } from './output';
import { runCli } from './program';

const interrupts = new ProcessInterrupts();

function listenForSignals(): void {
  for (const [name, code] of [
    ['SIGINT', 130],
    ['SIGTERM', 143],
  ] as const) {
    process.on(name, () => {
      if (interrupts.receive(name)) process.exit(code);
    });
  }
}

function processStreams(): Streams {
  return {
    out: (text) => process.stdout.write(text),
    err: (text) => process.stderr.write(text),
    live: process.stdout.isTTY === true,
    interactive: process.stdin.isTTY === true,
    // Not a terminal: a log or a pager, which breaks lines by itself.
    columns: process.stdout.columns || 160,
    environment: process.env,
  };
}

/** `krakenctl op list | head -1` is no failure. */
function forgiveClosedPipes(): void {
  for (const stream of [process.stdout, process.stderr]) {
    stream.on('error', (error: NodeJS.ErrnoException) => {
      if (error.code === 'EPIPE') process.exit(0);
      // What was asked for is lost, and nobody's disk or terminal is a fault of ours to trace.
      if (stream === process.stdout) process.stderr.write(`✘ the answer could not be written: ${error.message}\n`);
      process.exit(1);
    });
  }
}

async function main(): Promise<void> {
  listenForSignals();
  forgiveClosedPipes();
  const code = await runCli(process.argv.slice(2), processStreams(), interrupts);
  // Open connections would keep the process for seconds; what was written must be out first.
  process.stdout.write('', () => process.stderr.write('', () => process.exit(code)));
}

void main();
