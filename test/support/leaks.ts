import { execFile } from 'node:child_process';
import { type Dirent, existsSync, readdirSync, readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import { gunzipSync } from 'node:zlib';
import { Client, Connection } from '@temporalio/client';
import { historyToJSON } from '@temporalio/common/lib/proto-utils';
import { extract } from 'tar-stream';

/** Looks for secrets in all that a run leaves behind; imports nothing of src. */
export interface Place {
  where: string;
  bytes: Buffer;
}

/** By what they are called in a finding. */
export type Secrets = Record<string, string | Buffer>;

/** `<secret> in <place>`, sorted; the secret itself is in no message. */
export function findLeaks(places: Place[], secrets: Secrets): string[] {
  const needles = Object.entries(secrets).map(([name, value]) => ({ name, forms: formsOf(Buffer.from(value)) }));
  const found = places.flatMap(({ where, bytes }) =>
    needles.filter(({ forms }) => forms.some((form) => bytes.includes(form))).map(({ name }) => `${name} in ${where}`),
  );
  return [...new Set(found)].sort();
}

/** As it is, as in JSON, in a URL, in hexadecimal, and inside base64 at any offset. */
export function formsOf(value: Buffer): Buffer[] {
  const text = value.toString('latin1');
  const plain = [text, JSON.stringify(text).slice(1, -1), encodeURIComponent(text), value.toString('hex')];
  const encoded = [0, 1, 2].map((offset) => base64Within(value, offset));
  const forms = [...plain, ...encoded, ...encoded.map((it) => it.replaceAll('+', '-').replaceAll('/', '_'))];
  return [...new Set(forms)].map((form) => Buffer.from(form, 'latin1'));
}

/** The letters that come from the value alone, when `offset` bytes of something else stand before it. */
function base64Within(value: Buffer, offset: number): string {
  const whole = Buffer.concat([Buffer.alloc(offset), value])
    .toString('base64')
    .replace(/=+$/, '');
  const end = (offset + value.length) % 3 === 0 ? whole.length : whole.length - 1;
  return whole.slice(Math.ceil((offset * 8) / 6), end);
}

/** Processes of this machine by argv. The lab's hosts are containers, so theirs are seen too; one that ends between two looks is not. */
export class ArgvWatch {
  private readonly seen = new Set<string>();
  private readonly born = new Map<string, number>();
  private readonly timer = setInterval(() => this.look(), 10);

  stop(): Place[] {
    clearInterval(this.timer);
    return this.places();
  }

  places(): Place[] {
    return [...this.seen].map((argv) => ({
      where: `argv of ${argv.split('\0', 1)[0]}`,
      bytes: Buffer.from(argv, 'latin1'),
    }));
  }

  private look(): void {
    const now = Date.now();
    const pids = readdirSync('/proc').filter((name) => /^\d+$/.test(name));
    for (const pid of pids) {
      const first = this.born.get(pid) ?? now;
      this.born.set(pid, first);
      // A program replaces itself soon or never.
      if (now - first > 2000) continue;
      try {
        this.seen.add(readFileSync(`/proc/${pid}/cmdline`, 'latin1'));
      } catch {
        // It ended.
      }
    }
    const here = new Set(pids);
    for (const pid of this.born.keys()) if (!here.has(pid)) this.born.delete(pid);
  }
}

/** Every regular file below the folders of a host. */
export async function hostFiles(host: string, folders: string[]): Promise<Place[]> {
  const there = await run([
    'exec',
    host,
    'sh',
    '-c',
    `for d in ${folders.join(' ')}; do test -d $d && echo $d; done; :`,
  ]);
  const kept = there.toString().split('\n').filter(Boolean);
  // A file that changes or goes away meanwhile makes tar end with 1, with all others in the archive.
  const archive = await run(['exec', host, 'tar', '-P', '-cf', '-', ...kept], [0, 1]);
  const files = await unpack(archive);
  return files.map(({ where, bytes }) => ({ where: `${host}:${where}`, bytes }));
}

/** All containers of a host, running or not, as Docker tells them. */
export async function inspections(host: string): Promise<Place[]> {
  const ids = (await run(['exec', host, 'docker', 'ps', '-aq'])).toString().split('\n').filter(Boolean);
  if (ids.length === 0) return [];
  return [{ where: `docker inspect on ${host}`, bytes: await run(['exec', host, 'docker', 'inspect', ...ids]) }];
}

export async function unpack(archive: Buffer): Promise<Place[]> {
  const plain = archive[0] === 0x1f && archive[1] === 0x8b ? gunzipSync(archive) : archive;
  const entries = Readable.from([plain]).pipe(extract());
  const places: Place[] = [];
  for await (const entry of entries) {
    const chunks: Buffer[] = [];
    for await (const chunk of entry as AsyncIterable<Buffer>) chunks.push(chunk);
    places.push({ where: entry.header.name, bytes: Buffer.concat(chunks) });
  }
  return places;
}

/** Files below a folder that others than their owner may read; `skip` by path. */
export function openFiles(folder: string, skip: (path: string) => boolean): Place[] {
  return readdirSync(folder, { withFileTypes: true }).flatMap((entry: Dirent) => {
    const path = join(folder, entry.name);
    if (skip(path)) return [];
    if (entry.isDirectory()) return openFiles(path, skip);
    if (!entry.isFile() || (statSync(path).mode & 0o077) === 0) return [];
    return [{ where: path, bytes: readFileSync(path) }];
  });
}

/** Files by path, where they are. */
export function filesAt(paths: string[]): Place[] {
  return paths.filter((path) => existsSync(path)).map((path) => ({ where: path, bytes: readFileSync(path) }));
}

/** Every history that Temporal keeps, as JSON with its payloads in base64. */
export async function histories(address: string): Promise<Place[]> {
  const connection = await Connection.connect({ address });
  try {
    const client = new Client({ connection });
    const places: Place[] = [];
    let nextPageToken: Uint8Array | undefined;
    do {
      // As it is kept: the client's own list would decode memos, and fail at those that are encrypted.
      const page = await connection.workflowService.listWorkflowExecutions({ namespace: 'default', nextPageToken });
      for (const info of page.executions) {
        const { workflowId, runId } = info.execution as { workflowId: string; runId: string };
        const history = await client.workflow.getHandle(workflowId, runId).fetchHistory();
        const text = `${JSON.stringify(info)}\n${historyToJSON(history)}`;
        places.push({ where: `the history of ${workflowId}`, bytes: Buffer.from(text) });
      }
      nextPageToken = page.nextPageToken?.length ? page.nextPageToken : undefined;
    } while (nextPageToken);
    return places;
  } finally {
    await connection.close();
  }
}

function run(args: string[], codes = [0]): Promise<Buffer> {
  return new Promise((resolve, reject) => {
    const options = { encoding: 'buffer' as const, maxBuffer: 512 << 20, timeout: 120_000 };
    execFile('docker', args, options, (error, stdout, stderr) => {
      const code = error === null ? 0 : Number(error.code);
      if (codes.includes(code)) resolve(stdout);
      else reject(new Error(`docker ${args.slice(0, 6).join(' ')} exited ${code}: ${stderr.toString().slice(-500)}`));
    });
  });
}
