import { X509Certificate } from 'node:crypto';
import { HostUnreachableError } from '../../src/clients/errors';
import type { HostConnection, HttpRequest, HttpResponse, RedisInstance, TlsClient } from '../../src/clients/host';
import type { MemoryHost, MemoryLab } from './memory-hosts';
import type { MemoryInstance } from './memory-redis';

/** Which languages the parts of a host in memory speak: by the texts with which they were started, as real ones do. */

export type Language = 'plain' | 'both' | 'tls';

/** Texts of a part's folder, by name, as they were when it started. */
export type StartedWith = Map<string, Map<string, string>>;

const krakenParts = ['origin', 'tracker', 'build-index', 'proxy'];

export function textsOf(host: MemoryHost, part: string): Map<string, string> {
  const inFolder = [...host.stored].filter(([path]) => path.includes(`/${part}/`) && path.startsWith('/etc/kraken/'));
  return new Map(inFolder.map(([path, { contents }]) => [path.slice(path.lastIndexOf('/') + 1), contents.toString()]));
}

/** What a part of Kraken, or the load balancer, takes on its port. */
export function serves(host: MemoryHost, part: string): Language {
  if (part === 'nginx') {
    if (!/listen \d+ ssl;/.test(host.nginxRuns)) return 'plain';
    return host.nginxRuns.includes('@plain') ? 'both' : 'tls';
  }
  const text = host.startedWith.get(part)?.get('production.yaml') ?? '';
  if (!text.includes('server:\n    disabled: false')) return 'plain';
  return text.includes('template_path') ? 'both' : 'tls';
}

/** What it asks the others in. */
export function asks(host: MemoryHost, part: string): 'plain' | 'tls' {
  if (part === 'nginx') return host.nginxRuns.includes('proxy_pass https://') ? 'tls' : 'plain';
  if (part === 'redis-router')
    return host.startedWith.get(part)?.get('envoy.yaml')?.includes('UpstreamTlsContext') ? 'tls' : 'plain';
  const text = host.startedWith.get(part)?.get('production.yaml') ?? '';
  return text.includes('client:\n    disabled: false') ? 'tls' : 'plain';
}

/** What a request gets that comes in the wrong language; undefined where it is the right one. */
export function misunderstood(host: MemoryHost, part: string, { tls }: HttpRequest): HttpResponse | undefined {
  const language = serves(host, part);
  if (tls && language === 'plain') {
    if (tls.orPlain) return undefined;
    throw new HostUnreachableError(`${part} of ${host.host.id}: wrong version number`, host.host.id);
  }
  if (tls) checkTrust(host, part, tls);
  if (tls || language !== 'tls') return undefined;
  return { status: 400, headers: {}, body: Buffer.from('The plain HTTP request was sent to HTTPS port') };
}

function checkTrust(host: MemoryHost, part: string, { trusted }: TlsClient): void {
  const texts = part === 'nginx' ? textsOf(host, part) : host.startedWith.get(part);
  const shown = texts?.get('tls.crt') ?? '';
  if (hasEnded(shown, host.lab)) throw new HostUnreachableError('certificate has expired', host.host.id);
  if (isSignedByOneOf(shown, trusted) && certificateOf(shown).checkHost('kraken')) return;
  throw new HostUnreachableError(`${part} of ${host.host.id}: unable to verify the first certificate`, host.host.id);
}

/** Each text is read once and each pair judged once: the same few certificates are asked for at every request of a life. */
const certificates = new Map<string, X509Certificate>();
const verdicts = new Map<string, Map<string, boolean>>();

function certificateOf(text: string): X509Certificate {
  const known = certificates.get(text) ?? new X509Certificate(text);
  certificates.set(text, known);
  return known;
}

export function hasEnded(shown: string, { now }: Pick<MemoryLab, 'now'>): boolean {
  return Date.parse(certificateOf(shown).validTo) <= now();
}

export function isSignedByOneOf(shown: string, trusted: string): boolean {
  const known = verdicts.get(trusted) ?? new Map<string, boolean>();
  verdicts.set(trusted, known);
  const verdict = known.get(shown) ?? judge(shown, trusted);
  known.set(shown, verdict);
  return verdict;
}

function judge(shown: string, trusted: string): boolean {
  const all = trusted.match(/-----BEGIN[\s\S]+?-----END CERTIFICATE-----/g) ?? [];
  return all.some((text) => certificateOf(shown).verify(certificateOf(text).publicKey));
}

const partsByPort: Record<number, string> = {
  5000: 'nginx',
  5003: 'nginx',
  7379: 'redis',
  7380: 'redis-replica',
  8080: 'origin',
  8081: 'tracker',
  8082: 'build-index',
  8083: 'proxy',
};

export async function memoryHandshake(
  host: MemoryHost,
  port: number,
  { trusted, name }: TlsClient,
): ReturnType<HostConnection['handshake']> {
  const part = partsByPort[port] ?? '';
  if (!host.runs(part)) return 'nothing';
  const text = part === 'nginx' ? host.nginxShows : host.startedWith.get(part)?.get('tls.crt');
  const isRedis = part.startsWith('redis');
  if (text === undefined || (!isRedis && serves(host, part) === 'plain')) return isRedis ? 'nothing' : 'plain';
  const shown = certificateOf(text);
  return {
    serial: shown.serialNumber,
    names: shown.subjectAltName ?? '',
    issuer: shown.issuer,
    until: new Date(shown.validTo).toISOString(),
    isBelieved: isSignedByOneOf(text, trusted) && shown.checkHost(name) !== undefined && !hasEnded(text, host.lab),
  };
}

/** A Redis as it is met on one of its two ports. */
export function redisOn(host: MemoryHost, instance: MemoryInstance, tls?: TlsClient): RedisInstance {
  const answer = () => {
    const settings = instance.settings;
    const isThere = tls ? settings.has('tls-port') : settings.get('port') !== '0';
    if (!isThere) throw new HostUnreachableError(`connect ECONNREFUSED ${host.host.address}`, host.host.id);
    if (!tls) return;
    const part = instance.port === 6379 ? 'redis' : 'redis-replica';
    const shown = host.startedWith.get(part)?.get('tls.crt') ?? '';
    if ([shown, tls.certificate].some((text) => text && hasEnded(text, host.lab)))
      throw new HostUnreachableError('certificate has expired', host.host.id);
    const own = textsOf(host, part).get('ca.crt') ?? '';
    if (!isSignedByOneOf(tls.certificate, own)) throw new HostUnreachableError('tlsv1 alert unknown ca', host.host.id);
  };
  return new Proxy(instance, {
    get(target, name) {
      const value = target[name as keyof MemoryInstance] as unknown;
      if (typeof value !== 'function') return value;
      return async (...given: unknown[]) => {
        answer();
        return (value as (...args: unknown[]) => unknown).apply(target, given);
      };
    },
  });
}

/** Everything in the lab that would not be understood now: empty is what a walk of TLS promises, at every moment. */
export function misunderstandings(lab: MemoryLab): string[] {
  const hosts = [...lab.machines.values()];
  const speakers = hosts.flatMap((host) => [...krakenParts, 'nginx'].map((part) => ({ host, part })));
  const running = speakers.filter(({ host, part }) => host.runs(part));
  const servers = running.filter(({ part }) => part !== 'nginx');
  const wrong = running.flatMap((client) => {
    const language = asks(client.host, client.part);
    const deaf = servers.filter(({ host, part }) => serves(host, part) === (language === 'tls' ? 'plain' : 'tls'));
    return deaf.map(
      (s) => `${client.part} of ${client.host.host.id} asks ${s.part} of ${s.host.host.id} in ${language}`,
    );
  });
  return [...wrong, ...routersAmiss(lab), ...strangers(lab, running), ...hosts.flatMap(deafTo)];
}

/** Load balancers that a VM asks in a language which they do not understand, or whom it does not believe. */
export function deafTo({ agentState, lab, host: { id } }: MemoryHost): string[] {
  const { running, believed } = agentState;
  if (!running) return [];
  const trusted = believed.get(running);
  const balancers = [...lab.machines.values()].filter((host) => host.runs('nginx'));
  return balancers.flatMap((balancer) => {
    const language = serves(balancer, 'nginx');
    const name = `the agent of ${id} asks ${balancer.host.id}`;
    if (trusted === undefined) return language === 'tls' ? [`${name} in plain`] : [];
    if (language === 'plain') return [`${name} in tls`];
    const shown = balancer.nginxShows ?? '';
    return isSignedByOneOf(shown, trusted) && !hasEnded(shown, lab) ? [] : [`${name} and does not believe it`];
  });
}

interface Speaker {
  host: MemoryHost;
  part: string;
}

/** Who asks in TLS and would not believe the certificate that is shown, or show one that is not believed. */
function strangers(lab: MemoryLab, running: Speaker[]): string[] {
  const texts = ({ host, part }: Speaker) => host.startedWith.get(part) ?? new Map<string, string>();
  const clients = running.filter(({ host, part }) => part !== 'nginx' && asks(host, part) === 'tls');
  const servers = running.filter(({ host, part }) => part !== 'nginx' && serves(host, part) !== 'plain');
  return clients.flatMap((client) =>
    servers.flatMap((server) => {
      const [own, other] = [texts(client), texts(server)];
      const name = `${client.part} of ${client.host.host.id} and ${server.part} of ${server.host.host.id}`;
      const believes = (trusted: string, shown: string) => isSignedByOneOf(shown, trusted) && !hasEnded(shown, lab);
      const isBelieved = believes(own.get('ca.crt')!, other.get('tls.crt')!);
      const believesIt = believes(other.get('ca.crt')!, own.get('tls.crt')!);
      return [
        ...(isBelieved ? [] : [`no trust towards the server: ${name}`]),
        ...(believesIt ? [] : [`no trust towards the client: ${name}`]),
      ];
    }),
  );
}

function routersAmiss(lab: MemoryLab): string[] {
  const hosts = [...lab.machines.values()];
  const redises = hosts.flatMap((host) =>
    (['redis', 'redis-replica'] as const)
      .filter((part) => host.runs(part))
      .map((part) => ({ name: `${part} of ${host.host.id}`, settings: host.instanceOf(part).settings })),
  );
  return hosts.flatMap((host) => {
    if (!host.runs('redis-router')) return [];
    const overTls = asks(host, 'redis-router') === 'tls';
    // In TLS an instance names the ports that its bus has.
    const fits = (s: Map<string, string>) =>
      overTls ? s.has('tls-port') && s.get('tls-cluster') === 'yes' : s.get('port') !== '0';
    return redises.filter(({ settings }) => !fits(settings)).map(({ name }) => `envoy of ${host.host.id} and ${name}`);
  });
}
