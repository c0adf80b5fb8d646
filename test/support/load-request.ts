import { type IncomingHttpHeaders, type OutgoingHttpHeaders, request } from 'node:http';

/** One HTTP request, with one connection of its own and never a second try. Imports nothing of src. */
export interface Ask {
  /** Its name in a report. */
  step: string;
  method: string;
  path: string;
  /** Another `host:port` than the one that is asked first. */
  onto?: string;
  headers?: OutgoingHttpHeaders;
  body?: Buffer;
  /** Statuses that are a success. */
  wanted: number[];
}

export interface Answer {
  status: number;
  headers: IncomingHttpHeaders;
  body: Buffer;
}

export const deadlineMs = 10_000;

/** What went wrong at which step; `owed` is the digest that was owed where other bytes came with a success. */
export class StepFailure extends Error {
  constructor(
    readonly step: string,
    /** 0 when no answer came. */
    readonly status: number,
    readonly body: string,
    readonly owed?: string,
  ) {
    super(`${step}: ${status} ${body}${owed === undefined ? '' : `, owed ${owed}`}`);
  }
}

/** Requests that took long, newest last; for whoever looks where a slow operation's time went. */
export const slowAsks: { at: number; step: string; address: string; ms: number }[] = [];
const slowMs = 1_500;

/** @throws {StepFailure} */
export async function ask(address: string, one: Ask): Promise<Answer> {
  const at = Date.now();
  const exchanged = exchange(one.onto ?? address, one).finally(() => {
    const ms = Date.now() - at;
    if (ms > slowMs) slowAsks.push({ at, step: one.step, address: one.onto ?? address, ms });
  });
  const answer = await exchanged.catch((error: Error) => {
    const why = error.name === 'AbortError' ? `no end within ${deadlineMs} ms` : error.message;
    throw new StepFailure(one.step, 0, `${one.onto ?? address}: ${why}`);
  });
  if (one.wanted.includes(answer.status)) return answer;
  throw new StepFailure(one.step, answer.status, answer.body.toString('utf8').slice(0, 300));
}

function exchange(address: string, { method, path, headers, body }: Ask): Promise<Answer> {
  const [host, port] = [address.replace(/:\d+$/, ''), Number(/:(\d+)$/.exec(address)?.[1] ?? 80)];
  return new Promise((resolve, reject) => {
    const call = request(
      {
        host,
        port,
        path,
        method,
        // A connection that is used again may be closed by the other side at that very moment.
        agent: false,
        headers: { ...headers, ...(method === 'GET' ? {} : { 'content-length': body?.length ?? 0 }) },
        signal: AbortSignal.timeout(deadlineMs),
      },
      (answer) => {
        const chunks: Buffer[] = [];
        answer.on('data', (chunk: Buffer) => chunks.push(chunk));
        answer.once('error', reject);
        answer.once('end', () => {
          if (!answer.complete) return reject(new Error('the answer was cut'));
          resolve({ status: answer.statusCode ?? 0, headers: answer.headers, body: Buffer.concat(chunks) });
        });
      },
    );
    call.once('error', reject);
    call.end(body);
  });
}
