import { createReadStream, createWriteStream, mkdtempSync } from 'node:fs';
import { mkdir, readdir, stat } from 'node:fs/promises';
import { createServer } from 'node:http';
import { dirname, join, relative } from 'node:path';
import { pipeline } from 'node:stream/promises';
import type { Flags } from './flags';
import { createRouter, HttpFailure, sendJson, sendText } from './http-router';
import { fatal, say } from './log';
import { isHeldBack, version } from './misbehaviour';

/** Files over HTTP. Each start makes a new folder and forgets the one before, as Kraken's testfs does. */
export async function startTestfs(flags: Flags): Promise<void> {
  if (!flags.port) fatal('-port required');
  const folder = mkdtempSync('/tmp/kraken-testfs');
  // Colons become folders, so that tags can be listed by repository.
  const pathOf = (name: string) => join(folder, join('/', name.replaceAll(':', '/')));
  let writing: Promise<unknown> = Promise.resolve();
  const router = createRouter([
    [
      'GET',
      '/health',
      ({ response }) => {
        if (isHeldBack()) throw new HttpFailure(503, 'this version of the stand-in holds back');
        sendText(response, 'OK');
      },
    ],
    [
      'HEAD',
      '/files/*',
      async ({ params, response }) => {
        await writing;
        response.setHeader('Size', (await find(pathOf(params[0]!))).size);
      },
    ],
    [
      'GET',
      '/files/*',
      async ({ params, response }) => {
        await writing;
        const path = pathOf(params[0]!);
        response.setHeader('Content-Length', (await find(path)).size);
        await pipeline(createReadStream(path), response);
      },
    ],
    [
      'POST',
      '/files/*',
      async ({ params, request }) => {
        const path = pathOf(params[0]!);
        const turn = writing.then(async () => {
          await mkdir(dirname(path), { recursive: true });
          await pipeline(request, createWriteStream(path));
        });
        writing = turn.catch(() => undefined);
        await turn;
      },
    ],
    [
      'GET',
      '/list/*',
      async ({ params, response }) => {
        const root = pathOf(params[0]!);
        const entries = await readdir(root, { withFileTypes: true, recursive: true });
        const files = entries.filter((entry) => !entry.isDirectory());
        sendJson(response, files.map((entry) => relative(folder, join(entry.parentPath, entry.name))).sort());
      },
    ],
  ]);
  const server = createServer((request, response) => {
    response.setHeader('Server', 'kraken-stand-in');
    response.setHeader('X-Kraken-Stand-In', `testfs ${version}`);
    router(request, response);
  });
  server.on('error', (error) => fatal(error.message));
  server.listen(Number(flags.port), () => say('INFO', `Starting testfs server on :${flags.port}`));
}

async function find(path: string): Promise<{ size: number }> {
  return stat(path).catch(() => {
    throw new HttpFailure(404);
  });
}
