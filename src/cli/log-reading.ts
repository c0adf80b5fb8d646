import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { containerName } from '../cluster/names';
import type { ClusterSpec, PartName } from '../cluster/spec';
import type { Context } from './context';
import type { CliFailure } from './failure';
import { type LocalHost, nameFailure, withHost } from './local';
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
  /** Why it could not be read. */
  failure?: CliFailure;
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
  tell: (text: string) => void = () => undefined,
): Promise<PartLog[][]> {
  const hosts = [...new Set(targets.map((t) => t.host))];
  return Promise.all(
    hosts.map(async (id) => {
      const parts = targets.filter((t) => t.host === id).map((t) => t.part);
      try {
        return await withHost(spec, id, (host) => work(host, parts));
      } catch (error) {
        const failure = nameFailure(error);
        tell(`${id}: ${failure.message}`);
        return parts.map((part) => ({ host: id, part, lines: [], failure }));
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
    return { host: id, part, lines: [], failure: nameFailure(error) };
  }
}

/** Docker knows a beginning and, over this API, no end. Lines begin with their time when a window was asked for. */
export function cutAt(lines: string[], to: Date): string[] {
  return lines.filter((line) => {
    const time = Date.parse(line.split(' ', 1)[0] ?? '');
    return Number.isNaN(time) || time <= to.getTime();
  });
}

/** Those that can be followed, until they end or are let go of; what cannot is told at once, since the others go on. */
export async function followLogs({ output, signal }: Context, request: LogRequest): Promise<PartLog[]> {
  const { spec, tail, targets } = request;
  const isOne = targets.length === 1;
  const tell = (text: string) => {
    if (!isOne) output.note(` ! ${text}`);
  };
  const followOne = async ({ host: { id }, engine }: LocalHost, part: PartName): Promise<PartLog> => {
    const log = { host: id, part, lines: [] };
    const onLine = (line: string) => {
      output.item({ host: id, part, line });
      if (output.format !== 'jsonl') output.line(`${isOne ? '' : `${id}/${part} | `}${showForeign(line)}`);
    };
    try {
      await engine.followLogs(containerName(spec.name, id, part), { tail, signal, onLine });
      return log;
    } catch (error) {
      const failure = nameFailure(error);
      tell(`${id}/${part}: ${failure.message}`);
      return { ...log, failure };
    }
  };
  const follow = (host: LocalHost, parts: PartName[]) => Promise.all(parts.map((part) => followOne(host, part)));
  return (await onEachHost(request, follow, tell)).flat();
}

export interface CollectedLogs {
  folder: string;
  files: string[];
  missing: { host: string; part: PartName; error: string }[];
}

/** A folder per collection, so that nothing is ever written over. */
export async function collectLogs(
  request: LogRequest,
  logDir: string,
): Promise<{ found: PartLog[]; collected: CollectedLogs }> {
  const found = await readLogs(request);
  const folder = join(logDir, request.spec.name, new Date().toISOString().replace(/[:.]/g, '-'));
  mkdirSync(folder, { recursive: true, mode: 0o700 });
  const files = found
    .filter((log) => log.failure === undefined)
    .map(({ host, part, lines }) => {
      const path = join(folder, `${host}-${part}.log`);
      writeFileSync(path, lines.map((line) => `${line}\n`).join(''), { mode: 0o600 });
      return path;
    });
  const missing = found.flatMap(({ host, part, failure }) =>
    failure === undefined ? [] : [{ host, part, error: failure.message }],
  );
  return { found, collected: { folder, files, missing } };
}
