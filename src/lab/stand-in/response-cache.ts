import type { IncomingMessage, RequestListener, ServerResponse } from 'node:http';

/** What the inner nginx remembers, and for how long: `ok` for 200, `any` for all other answers (0: not at all). */
export interface CacheRule {
  path: RegExp;
  okMs: number;
  anyMs: number;
}

interface Kept {
  status: number;
  headers: ReturnType<ServerResponse['getHeaders']>;
  body: Buffer;
  until: number;
}

const mostEntries = 2_000;
const largestBody = 1 << 20;

/** GET answers by their address. A part that is asked for what it said a moment ago is not asked again. */
export class ResponseCache {
  private readonly kept = new Map<string, Kept>();

  constructor(private readonly rules: CacheRule[]) {}

  answer(request: IncomingMessage, response: ServerResponse, handler: RequestListener): void {
    const url = request.url ?? '/';
    const isRead = request.method === 'GET' || request.method === 'HEAD';
    const rule = isRead ? this.rules.find((it) => it.path.test(url)) : undefined;
    if (!rule) {
      handler(request, response);
      return;
    }
    // As nginx does for what it caches: the part is asked for the whole, and the client gets its head.
    request.method = 'GET';
    const known = this.kept.get(url);
    if (known && known.until > Date.now()) {
      for (const [name, value] of Object.entries(known.headers))
        if (value !== undefined) response.setHeader(name, value);
      response.writeHead(known.status).end(known.body);
      return;
    }
    this.record(url, rule, response);
    handler(request, response);
  }

  private record(url: string, rule: CacheRule, response: ServerResponse): void {
    const chunks: Buffer[] = [];
    const keep = (chunk: unknown) => {
      if (typeof chunk === 'string' || chunk instanceof Uint8Array) chunks.push(Buffer.from(chunk as string));
    };
    const { write, end } = response;
    response.write = ((...args: unknown[]) => {
      keep(args[0]);
      return (write as (...all: unknown[]) => boolean).apply(response, args);
    }) as typeof response.write;
    response.end = ((...args: unknown[]) => {
      keep(args[0]);
      this.keep(url, rule, response, Buffer.concat(chunks));
      return (end as (...all: unknown[]) => ServerResponse).apply(response, args);
    }) as typeof response.end;
  }

  private keep(url: string, rule: CacheRule, response: ServerResponse, body: Buffer): void {
    const forMs = response.statusCode === 200 ? rule.okMs : rule.anyMs;
    if (forMs === 0 || body.length > largestBody) return;
    if (this.kept.size >= mostEntries) this.kept.clear();
    this.kept.set(url, {
      status: response.statusCode,
      headers: response.getHeaders(),
      body,
      until: Date.now() + forMs,
    });
  }
}
