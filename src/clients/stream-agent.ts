import { Agent, type AgentOptions } from 'node:http';
import type { Duplex } from 'node:stream';
import { inspect } from 'node:util';

/** What node:http asks of a socket and an SSH channel does not have. */
const socketMethods = ['setKeepAlive', 'setNoDelay', 'setTimeout', 'ref', 'unref'] as const;

/** Connections of HTTP requests are streams that somebody else opens: forwards of an SSH connection. Kept alive between requests. */
export class StreamAgent extends Agent {
  constructor(
    private readonly connect: () => Promise<Duplex>,
    options: AgentOptions,
  ) {
    super({ keepAlive: true, ...options });
  }

  /**
   * docker-modem inspects the options of each request to any depth, whether or not it prints them; through this agent that would be
   * the whole SSH connection, for seconds.
   */
  [inspect.custom](): string {
    return 'StreamAgent';
  }

  override createConnection(_options: unknown, done?: (error: Error | null, stream: Duplex) => void): undefined {
    this.connect().then(
      (stream) => {
        for (const method of socketMethods) {
          if (!(method in stream)) Object.assign(stream, { [method]: () => stream });
        }
        // An idle connection that breaks is only dropped; a busy one fails its request by itself.
        stream.on('error', () => undefined);
        done?.(null, stream);
      },
      (error: Error) => done?.(error, undefined as never),
    );
    return undefined;
  }
}
