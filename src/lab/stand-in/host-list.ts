import type { Settings } from './configuration';
import { fetchText } from './http-client';
import { fatal, say } from './log';

/** Addresses of one kind of part, and which of them are believed to be well. */
export interface HostList {
  /** Never empty: where all are ill, all are named. */
  resolve(): string[];
  failed(address: string): void;
}

/** @throws never; a configuration that names no host is fatal. */
export function readHosts(settings: Settings, path: string): string[] {
  const hosts = settings.texts(`${path}.static`);
  if (hosts.length === 0)
    fatal(`Error building host list ${path}: invalid config: no dns record or static list supplied`);
  return hosts;
}

/** Asks each host's /health: three fails in a row make it ill, two passes well again. A single host is always well. */
export function monitorHosts(hosts: string[], settings: Settings, path: string): HostList & { check(): Promise<void> } {
  const failsToFall = settings.number(`${path}.fails`, settings.number(`${path}.filter.fails`, 3));
  const passesToRise = settings.number(`${path}.passes`, settings.number(`${path}.filter.passes`, 2));
  const timeoutMs = settings.duration(`${path}.filter.timeout`, 3_000);
  const trend = new Map(hosts.map((host) => [host, { well: true, streak: 0 }]));
  const note = (host: string, passed: boolean) => {
    const state = trend.get(host)!;
    state.streak = passed === state.well ? 0 : state.streak + 1;
    if (state.streak < (state.well ? failsToFall : passesToRise)) return;
    trend.set(host, { well: !state.well, streak: 0 });
    say('WARN', `${host} is now ${state.well ? 'unhealthy' : 'healthy'}`);
  };
  const probe = (host: string) =>
    fetchText(`http://${host}/health`, { timeoutMs }).then(
      () => note(host, true),
      () => note(host, false),
    );
  const check = async () => {
    if (hosts.length > 1) await Promise.all(hosts.map(probe));
  };
  const well = () => hosts.filter((host) => trend.get(host)?.well);
  return { resolve: () => (well().length > 0 ? well() : hosts), failed: () => undefined, check };
}

const watchEveryMs = 10_000;

/** A list that keeps itself current. */
export function watchHosts(settings: Settings, path: string): HostList {
  const list = monitorHosts(readHosts(settings, `${path}.hosts`), settings, `${path}.healthcheck`);
  setInterval(list.check, settings.duration(`${path}.healthcheck.monitor.interval`, watchEveryMs)).unref();
  return list;
}

/** An agent asks nobody: it notes which requests failed, and leaves a host alone for a while after three of them. */
export function listHostsPassively(settings: Settings, path: string): HostList {
  const hosts = readHosts(settings, `${path}.hosts`);
  const limit = settings.number(`${path}.healthcheck.fails`, 3);
  const windowMs = settings.duration(`${path}.healthcheck.fail_timeout`, 300_000);
  const fails = new Map<string, number[]>();
  const recent = (host: string) => (fails.get(host) ?? []).filter((at) => Date.now() - at < windowMs);
  const well = () => hosts.filter((host) => recent(host).length < limit);
  return {
    resolve: () => (well().length > 0 ? well() : hosts),
    failed: (host) => void fails.set(host, [...recent(host), Date.now()]),
  };
}

export function shuffle<T>(items: T[]): T[] {
  return items
    .map((item) => ({ item, by: Math.random() }))
    .sort((a, b) => a.by - b.by)
    .map(({ item }) => item);
}
