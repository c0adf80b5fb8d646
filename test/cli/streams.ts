import type { Interrupts } from '../../src/cli/interrupts';
import type { Streams } from '../../src/cli/output';
import { runCli } from '../../src/cli/program';

export interface Captured {
  code: number;
  out: string;
  err: string;
}

export function captureStreams(change: Partial<Streams> = {}): Streams & { written: { out: string; err: string } } {
  const written = { out: '', err: '' };
  return {
    out: (text) => {
      written.out += text;
    },
    err: (text) => {
      written.err += text;
    },
    live: false,
    interactive: false,
    columns: 160,
    environment: {},
    written,
    ...change,
  };
}

/** A whole command, as typed. Nothing listens at the address, so that no test reaches a Temporal of this machine. */
export async function type(
  argv: string[],
  change: Partial<Streams> = {},
  signal = new AbortController().signal,
  again: Interrupts['again'] = async () => false,
): Promise<Captured> {
  const environment = { TEMPORAL_ADDRESS: '127.0.0.1:1', KRAKENCTL_STATE_DIR: '/nonexistent', ...change.environment };
  const streams = captureStreams({ ...change, environment });
  const code = await runCli(argv, streams, { signal, again });
  return { code, ...streams.written };
}

/** Colours that are none. */
export const plain = new Proxy({}, { get: () => (text: string) => text }) as never;
