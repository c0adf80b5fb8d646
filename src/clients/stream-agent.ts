import { Agent, type AgentOptions, type ClientRequest } from 'node:http';
import type { Duplex } from 'node:stream';
import { inspect } from 'node:util';

/** What node:http asks of a socket and an SSH channel does not have. */
const socketMethods = ['setKeepAlive', 'setNoDelay', 'setTimeout', 'ref', 'unref'] as const;

/** An SSH channel as node:http takes it. */
export function asSocket(stream: Duplex): Duplex {
  for (const method of socketMethods) {
    if (!(method in stream)) Object.assign(stream, { [method]: () => stream });
  }
  // An idle connection that breaks is only dropped; a busy one fails its request by itself.
  stream.on('error', () => undefined);
  return stream;
}

/** What node:http calls on an agent for each request; agents of other libraries override it too, though it has no type. */
const { addRequest } = Agent.prototype as unknown as { addRequest: (...args: unknown[]) => void };

/** Connections of HTTP requests are streams that somebody else opens: forwards of an SSH connection. Kept alive between requests. */
export class StreamAgent extends Agent {
  private busy = 0;
  private readonly waiting: (() => void)[] = [];

  constructor(
    private readonly connect: () => Promise<Duplex>,
    private readonly limit: { maxSockets: number } & AgentOptions,
  ) {
    super({ keepAlive: true, ...limit });
  }

  /**
   * Agent counts a connection against maxSockets when it exists; ours take a moment to open, and requests that come meanwhile would
   * each open one more. So the requests themselves are counted.
   */
  addRequest(request: ClientRequest, ...rest: unknown[]): void {
    const go = () => {
      this.busy += 1;
      request.once('close', () => {
        this.busy -= 1;
        this.waiting.shift()?.();
      });
      addRequest.call(this, request, ...rest);
    };
    if (this.busy < this.limit.maxSockets) go();
    else this.waiting.push(go);
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
        asSocket(stream);
        // A channel stays half open when the other side has ended; the pool would hand it out once more.
        stream.once('end', () => stream.destroy());
        done?.(null, stream);
      },
      (error: Error) => done?.(error, undefined as never),
    );
    return undefined;
  }
}
