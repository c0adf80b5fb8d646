import { connect } from 'node:net';
import type { Client, Connection } from '@temporalio/client';
import type { Conversion } from '../codec/data-converter';
import { readConnectConfig } from '../config/connect-config';
import { CliFailure, toCliFailure } from './failure';
import { resolveAddress, type TemporalAddress } from './temporal-address';

/** An open door to Temporal. */
export interface Temporal extends TemporalAddress {
  client: Client;
  connection: Connection;
  /** What is written there is encrypted (decisions 4). */
  encrypts: boolean;
  close(): Promise<void>;
}

/** Of a history Temporal sends some hundred events at once, of a large cluster more than the 4 MB that gRPC takes by itself. */
const largestAnswer = 64 * 1024 * 1024;

export interface ConnectOptions {
  environment: NodeJS.ProcessEnv;
  timeoutMs?: number;
}

/** @throws {CliFailure} TEMPORAL_UNREACHABLE, with the line to type. */
export async function connectTemporal({ environment, timeoutMs = 3000 }: ConnectOptions): Promise<Temporal> {
  const config = readConnectConfig(environment);
  const where = resolveAddress(environment, config);
  const { encrypts, dataConverter } = conversionOf(where.address, environment);
  try {
    await knock(where.address, timeoutMs);
    const { Client, Connection } = await import('@temporalio/client');
    const { address: _, ...options } = config.connectionOptions;
    const connection = await Connection.connect({
      ...(options as Parameters<typeof Connection.connect>[0]),
      address: where.address,
      connectTimeout: timeoutMs,
      channelArgs: { 'grpc.max_receive_message_length': largestAnswer },
    });
    const client = new Client({ connection, namespace: where.namespace, dataConverter });
    return { ...where, client, connection, encrypts, close: () => connection.close() };
  } catch (error) {
    throw unreachable(where, error);
  }
}

/** Before anything is sent: without its key this side could neither write nor read. */
function conversionOf(address: string, environment: NodeJS.ProcessEnv): Conversion {
  const { conversionFor } = require('../codec/data-converter') as typeof import('../codec/data-converter');
  try {
    return conversionFor(address, environment);
  } catch (error) {
    throw toCliFailure(error);
  }
}

/** gRPC tries a refused port again until its time is over; a person need not wait for that. */
function knock(address: string, timeoutMs: number): Promise<void> {
  const [, host = '127.0.0.1', port] = /^\[?([^\]]*?)\]?:(\d+)$/.exec(address) ?? [];
  if (port === undefined) return Promise.resolve();
  return new Promise((resolve, reject) => {
    const socket = connect({ host, port: Number(port), timeout: timeoutMs });
    const settle = (end: () => void) => {
      socket.destroy();
      end();
    };
    socket.once('connect', () => settle(resolve));
    socket.once('timeout', () => settle(() => reject(new Error(`no answer within ${timeoutMs} ms`))));
    socket.once('error', (error) => settle(() => reject(error)));
  });
}

function unreachable({ address, configured }: TemporalAddress, cause: unknown): CliFailure {
  const hint = configured ? 'check TEMPORAL_ADDRESS and what listens there' : 'krakenctl temporal up';
  return new CliFailure('TEMPORAL_UNREACHABLE', `Temporal does not answer at ${address}`, {
    retryable: true,
    hint,
    cause,
  });
}

/** Opens, works, closes, whatever happens. */
export async function withTemporal<T>(options: ConnectOptions, work: (temporal: Temporal) => Promise<T>): Promise<T> {
  const temporal = await connectTemporal(options);
  try {
    return await work(temporal);
  } finally {
    await temporal.close().catch(() => undefined);
  }
}
