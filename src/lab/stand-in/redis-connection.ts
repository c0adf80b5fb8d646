import { connect, type Socket } from 'node:net';

export type RedisReply = string | number | null | RedisReply[];

interface Waiting {
  resolve(reply: RedisReply): void;
  reject(error: Error): void;
}

/**
 * One plain connection to one address, as Kraken's tracker has it: no AUTH, no TLS, and a MOVED is an error like any other.
 */
export class RedisConnection {
  private socket: Socket | undefined;
  private waiting: Waiting[] = [];
  private unread = Buffer.alloc(0);

  constructor(
    private readonly address: string,
    private readonly timeouts: { dialMs: number; readMs: number },
  ) {}

  /** @throws {Error} when nobody answers. */
  async dial(): Promise<void> {
    if (this.socket && !this.socket.destroyed) return;
    const [host, port] = this.address.split(':');
    const socket = connect({ host, port: Number(port) });
    await new Promise<void>((resolve, reject) => {
      const timer = setTimeout(() => socket.destroy(new Error('i/o timeout')), this.timeouts.dialMs);
      socket.once('close', () => clearTimeout(timer));
      socket.once('error', (error) => reject(new Error(`dial tcp ${this.address}: ${error.message}`)));
      socket.once('connect', () => {
        clearTimeout(timer);
        resolve();
      });
    });
    this.socket = socket.setNoDelay(true);
    this.unread = Buffer.alloc(0);
    socket.on('data', (data) => this.read(data));
    socket.on('error', (error) => this.drop(error));
    socket.on('close', () => this.drop(new Error('connection closed')));
  }

  /** @throws {Error} with Redis's own words when it refuses. */
  async call(...words: (string | number)[]): Promise<RedisReply> {
    await this.dial();
    const text = words.map((word) => `$${Buffer.byteLength(`${word}`)}\r\n${word}\r\n`).join('');
    const timer = setTimeout(() => this.drop(new Error('i/o timeout')), this.timeouts.readMs);
    const reply = new Promise<RedisReply>((resolve, reject) => {
      this.waiting.push({ resolve, reject });
      this.socket?.write(`*${words.length}\r\n${text}`);
    });
    return reply.finally(() => clearTimeout(timer));
  }

  private drop(error: Error): void {
    this.socket?.destroy();
    this.socket = undefined;
    for (const { reject } of this.waiting.splice(0)) reject(error);
  }

  private read(data: Buffer): void {
    this.unread = Buffer.concat([this.unread, data]);
    for (let found = parseReply(this.unread, 0); found; found = parseReply(this.unread, 0)) {
      this.unread = this.unread.subarray(found.end);
      const next = this.waiting.shift();
      if (found.reply instanceof Error) next?.reject(found.reply);
      else next?.resolve(found.reply);
    }
  }
}

/** Undefined while the reply is not whole. */
function parseReply(data: Buffer, start: number): { reply: RedisReply | Error; end: number } | undefined {
  const lineEnd = data.indexOf('\r\n', start);
  if (lineEnd < 0) return undefined;
  const kind = String.fromCharCode(data[start]!);
  const line = data.toString('utf8', start + 1, lineEnd);
  const end = lineEnd + 2;
  if (kind === '+') return { reply: line, end };
  if (kind === '-') return { reply: new Error(line), end };
  if (kind === ':') return { reply: Number(line), end };
  const length = Number(line);
  if (length < 0) return { reply: null, end };
  if (kind === '*') return parseList(data, length, end);
  if (data.length < end + length + 2) return undefined;
  return { reply: data.toString('utf8', end, end + length), end: end + length + 2 };
}

function parseList(data: Buffer, length: number, start: number): { reply: RedisReply; end: number } | undefined {
  const items: RedisReply[] = [];
  let end = start;
  while (items.length < length) {
    const item = parseReply(data, end);
    if (!item) return undefined;
    items.push(item.reply instanceof Error ? item.reply.message : item.reply);
    end = item.end;
  }
  return { reply: items, end };
}
