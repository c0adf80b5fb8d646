import { createReadStream, createWriteStream, mkdtempSync } from 'node:fs';
import { mkdir, readdir, stat } from 'node:fs/promises';
import { createServer } from 'node:http';
import { dirname, join, relative } from 'node:path';
import { pipeline } from 'node:stream/promises';
import type { Flags } from './flags';
import { createRouter, type Exchange, HttpFailure, sendJson, sendStream } from './http-router';
import { fatal, say } from './log';
import { version } from './misbehaviour';
import { answerHealth } from './readiness';

/** Files over HTTP. Each start makes a new folder and forgets the one before, as Kraken's testfs does. */
export async function startTestfs(flags: Flags): Promise<void> {
  if (!flags.port) fatal('-port required');
  const files = new Files(mkdtempSync('/tmp/kraken-testfs'));
  const router = createRouter([
    ['GET', '/health', answerHealth],
    ['HEAD', '/files/*', (exchange) => files.answerSize(exchange)],
    ['GET', '/files/*', (exchange) => files.send(exchange)],
    ['POST', '/files/*', (exchange) => files.take(exchange)],
    ['GET', '/list/*', (exchange) => files.list(exchange)],
  ]);
  const server = createServer((request, response) => {
    response.setHeader('Server', 'kraken-stand-in');
    response.setHeader('X-Kraken-Stand-In', `testfs ${version}`);
    router(request, response);
  });
  server.on('error', (error) => fatal(error.message));
  server.listen(Number(flags.port), () => say('INFO', `Starting testfs server on :${flags.port}`));
}

/** One file is written at a time, and none is read meanwhile. */
class Files {
  private writing: Promise<unknown> = Promise.resolve();

  constructor(private readonly folder: string) {}

  async answerSize({ params, response }: Exchange): Promise<void> {
    await this.writing;
    response.setHeader('Size', await sizeOf(this.path(params[0]!)));
  }

  async send({ params, response }: Exchange): Promise<void> {
    await this.writing;
    const path = this.path(params[0]!);
    response.setHeader('Content-Length', await sizeOf(path));
    await sendStream(response, createReadStream(path));
  }

  async take({ params, request }: Exchange): Promise<void> {
    const path = this.path(params[0]!);
    const turn = this.writing.then(async () => {
      await mkdir(dirname(path), { recursive: true });
      await pipeline(request, createWriteStream(path));
    });
    this.writing = turn.catch(() => undefined);
    await turn;
  }

  async list({ params, response }: Exchange): Promise<void> {
    const entries = await readdir(this.path(params[0]!), { withFileTypes: true, recursive: true });
    const files = entries.filter((entry) => !entry.isDirectory());
    const names = files.map((entry) => relative(this.folder, join(entry.parentPath, entry.name)));
    sendJson(response, names.sort());
  }

  /** Colons become folders, so that tags can be listed by repository. */
  private path(name: string): string {
    return join(this.folder, join('/', name.replaceAll(':', '/')));
  }
}

/** @throws {HttpFailure} 404 */
async function sizeOf(path: string): Promise<number> {
  const found = await stat(path).catch(() => undefined);
  if (!found) throw new HttpFailure(404);
  return found.size;
}
