import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { containerName } from '../cluster/names';
import type { ClusterSpec, PartName } from '../cluster/spec';
import type { Context } from './context';
import { toCliFailure } from './failure';
import { type LocalHost, withHost } from './local';
import type { Window } from './operation-window';
import { showForeign } from './terminal-text';

/** Logs of containers, read over SSH by this process. */
export interface LogRequest {
  spec: ClusterSpec;
  targets: { host: string; part: PartName }[];
  tail: number;
  window?: Window;
}

export interface PartLog {
  host: string;
  part: PartName;
  lines: string[];
  error?: string;
}

export async function readLogs(request: LogRequest): Promise<PartLog[]> {
  const byHost = await onEachHost(request, async (host, parts) =>
    Promise.all(parts.map((part) => readOne(request, host, part))),
  );
  return byHost.flat();
}

/** One connection a host, all hosts at once; a host that cannot be reached is said for each of its parts. */
function onEachHost(
  { spec, targets }: LogRequest,
  work: (host: LocalHost, parts: PartName[]) => Promise<PartLog[]>,
): Promise<PartLog[][]> {
  const hosts = [...new Set(targets.map((t) => t.host))];
  return Promise.all(
    hosts.map(async (id) => {
      const parts = targets.filter((t) => t.host === id).map((t) => t.part);
      try {
        return await withHost(spec, id, (host) => work(host, parts));
      } catch (error) {
        const { message } = toCliFailure(error);
        return parts.map((part) => ({ host: id, part, lines: [], error: message }));
      }
    }),
  );
}

async function readOne({ spec, tail, window }: LogRequest, host: LocalHost, part: PartName): Promise<PartLog> {
  const id = host.host.id;
  try {
    const sinceSeconds = window && Math.floor(window.from.getTime() / 1000);
    const name = containerName(spec.name, id, part);
    const text = await host.engine.logs(name, { tail, sinceSeconds, timestamps: window !== undefined });
    const lines = text.split('\n').filter((line) => line !== '');
    return { host: id, part, lines: window?.to ? cutAt(lines, window.to) : lines };
  } catch (error) {
    return { host: id, part, lines: [], error: toCliFailure(error).message };
  }
}

/** Docker knows a beginning and, over this API, no end. Lines begin with their time when a window was asked for. */
export function cutAt(lines: string[], to: Date): string[] {
  return lines.filter((line) => {
    const time = Date.parse(line.split(' ', 1)[0] ?? '');
    return Number.isNaN(time) || time <= to.getTime();
  });
}

export async function followLogs({ output, signal }: Context, request: LogRequest): Promise<void> {
  const many = request.targets.length > 1;
  const { spec, tail } = request;
  await onEachHost(request, async (host, parts) => {
    const follow = (part: PartName) => {
      const prefix = many ? `${host.host.id}/${part} | ` : '';
      const onLine = (line: string) => {
        output.item({ host: host.host.id, part, line });
        if (output.format !== 'jsonl') output.line(`${prefix}${showForeign(line)}`);
      };
      const name = containerName(spec.name, host.host.id, part);
      return host.engine
        .followLogs(name, { tail, signal, onLine })
        .catch((error) => output.note(` ! ${host.host.id}/${part}: ${toCliFailure(error).message}`));
    };
    await Promise.all(parts.map(follow));
    return [];
  });
}

export interface CollectedLogs {
  folder: string;
  files: string[];
  missing: { host: string; part: PartName; error: string }[];
}

/** A folder per collection, so that nothing is ever written over. */
export async function collectLogs(request: LogRequest, logDir: string): Promise<CollectedLogs> {
  const found = await readLogs(request);
  const folder = join(logDir, request.spec.name, new Date().toISOString().replace(/[:.]/g, '-'));
  mkdirSync(folder, { recursive: true, mode: 0o700 });
  const files = found
    .filter((log) => log.error === undefined)
    .map(({ host, part, lines }) => {
      const path = join(folder, `${host}-${part}.log`);
      writeFileSync(path, lines.map((line) => `${line}\n`).join(''), { mode: 0o600 });
      return path;
    });
  const missing = found.flatMap(({ host, part, error }) => (error === undefined ? [] : [{ host, part, error }]));
  return { folder, files, missing };
}
