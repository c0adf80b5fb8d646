import type { Command } from 'commander';
import type { Context, Wire } from '../context';
import { CliFailure } from '../failure';
import { parseWholeNumber } from '../numbers';

interface CodecServerOptions {
  port: string;
  host: string;
  ui?: string;
}

/** Temporal's own ports are 7233 and 8233 here; none of Kraken's is near. */
const defaultPort = '8234';

export function addCodecServerCommand(program: Command, wire: Wire): void {
  program
    .command('codec-server')
    .description("decodes payloads for Temporal's Web UI, in the foreground")
    .option('--port <port>', 'where it listens', defaultPort)
    .option('--host <address>', 'whoever reaches it can read payloads, so by default this machine alone', '127.0.0.1')
    .option('--ui <url>', "the Web UI, whose pages alone may ask; default: where Temporal's is")
    .action(wire<CodecServerOptions>(serve));
}

async function serve({ output, environment, signal }: Context, options: CodecServerOptions): Promise<void> {
  const { codecKeyPath } = require('../../codec/data-converter') as typeof import('../../codec/data-converter');
  const { readKeyRing } = require('../../codec/key-ring') as typeof import('../../codec/key-ring');
  const { createPayloadCodec } = require('../../codec/payload-codec') as typeof import('../../codec/payload-codec');
  const { startCodecServer } = require('../../codec/codec-server') as typeof import('../../codec/codec-server');
  const port = parsePort(options.port);
  const uiOrigin = parseOrigin(options.ui ?? uiOf(environment));
  const codec = createPayloadCodec(readKeyRing(codecKeyPath(environment)));
  const server = await startCodecServer({ codec, uiOrigin, host: options.host, port }).catch((error: Error) => {
    throw new CliFailure('TEMPORAL_PORT_TAKEN', `the codec server cannot listen: ${error.message}`, {
      hint: 'krakenctl codec-server --port 18234',
      cause: error,
    });
  });
  output.note(`decodes for ${uiOrigin} at ${server.url} · in the Web UI: Configure Codec Server, this address`);
  await untilAborted(signal);
  await server.close();
  output.result({ url: server.url, stopped: true });
  output.line('codec server stopped');
}

function uiOf(environment: NodeJS.ProcessEnv): string {
  const { resolveAddress } = require('../temporal-address') as typeof import('../temporal-address');
  return resolveAddress(environment).ui;
}

function parseOrigin(text: string): string {
  const origin = URL.canParse(text) ? new URL(text).origin : 'null';
  if (origin !== 'null') return origin;
  throw new CliFailure('USAGE', `--ui ${text}: expected the address of the Web UI, http://127.0.0.1:8233`);
}

function parsePort(text: string): number {
  return parseWholeNumber(text, { option: '--port', min: 1, max: 65535, expected: 'a port, 1 to 65535' });
}

function untilAborted(signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    if (signal.aborted) resolve();
    else signal.addEventListener('abort', () => resolve(), { once: true });
  });
}
