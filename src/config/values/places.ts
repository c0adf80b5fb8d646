import type { ZodType } from 'zod';
import { matchText, Refusal, readText } from './text';

/** Hosts, users and paths: short alphabets, so that no value can mean something else to a shell, a URL or a file system. */

export interface NodeAddress {
  address: string;
  user?: string;
  port?: number;
}

const userPattern = /^[A-Za-z0-9_][A-Za-z0-9._-]{0,31}$/;
const labelPattern = /^[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?$/;

export const userName = matchText(userPattern, 'letters, digits, ".", "_" and "-"');

/** An IPv4 address or a host name, as other hosts reach it. */
export function readHost(text: string): string | Refusal {
  const host = text.toLowerCase();
  if (host.includes('://')) return new Refusal('an address, not a URL');
  if (host.includes(':') || host.includes('[')) return new Refusal('IPv6 addresses are not built yet');
  if (/^[\d.]+$/.test(host)) return readIpv4(host);
  const labels = host.split('.');
  if (host.length > 253 || !labels.every((label) => labelPattern.test(label))) {
    return new Refusal('a host name has letters, digits, "-" and "."');
  }
  if (/^\d+$/.test(labels.at(-1)!)) return new Refusal('a host name does not end in a number');
  if (labels.at(-1) === 'localhost') return new Refusal('each other host must reach it, so not localhost');
  return host;
}

function readIpv4(host: string): string | Refusal {
  const octets = host.split('.');
  if (octets.length !== 4) return new Refusal('an IPv4 address has four numbers');
  if (!octets.every((octet) => /^(0|[1-9]\d{0,2})$/.test(octet) && Number(octet) <= 255)) {
    return new Refusal('each number of an IPv4 address is 0 to 255, without leading zeros');
  }
  const first = Number(octets[0]);
  if (first === 0) return new Refusal('0.x.x.x is no address of a host');
  if (first === 127) return new Refusal('each other host must reach it, so not a loopback address');
  if (first >= 224) return new Refusal('a multicast or reserved address is no address of a host');
  return host;
}

export const hostAddress: ZodType<string, string> = readText(readHost);

/** `[user@]address[:port]`. */
export const sshAddress: ZodType<NodeAddress, string> = readText((text) => {
  const match = /^(?:([^@]*)@)?([^@]*?)(?::(\d+))?$/.exec(text);
  if (!match) return new Refusal('at most one @');
  const [, user, host, portText] = match;
  if (user !== undefined && !userPattern.test(user))
    return new Refusal('the user has letters, digits, ".", "_" and "-"');
  if (portText !== undefined && (!/^[1-9]\d{0,4}$/.test(portText) || Number(portText) > 65535)) {
    return new Refusal('the SSH port is 1 to 65535');
  }
  const address = readHost(host!);
  if (address instanceof Refusal) return address;
  return { address, user, port: portText === undefined ? undefined : Number(portText) };
});

/** Comma-separated names of nodes. */
export const nodeNames: ZodType<string[], string> = readText((text) => {
  const names = text.split(',').map((name) => name.trim());
  const wrong = names.find((name) => !/^node-[1-9]\d{0,2}$/.test(name));
  if (wrong !== undefined) return new Refusal('names such as node-1,node-2');
  const twice = names.find((name, i) => names.indexOf(name) !== i);
  return twice === undefined ? names : new Refusal(`${twice} is named twice`);
});

/** Absolute, or `~/` for the home of whoever runs krakenctl. */
export const path: ZodType<string, string> = readText((text) => {
  if (!/^(~\/|\/)/.test(text)) return new Refusal('an absolute path: it begins with / or ~/');
  if (!/^~?[A-Za-z0-9._@+=,/-]{1,255}$/.test(text)) return new Refusal('only letters, digits and . _ @ + = , - /');
  const trimmed = text.replace(/\/$/, '');
  const segments = trimmed.split('/').slice(1);
  if (segments.length === 0 || segments.includes('')) return new Refusal('without // and not / or ~/ alone');
  return segments.some((segment) => segment === '..' || segment === '.')
    ? new Refusal('without . and .. in it')
    : trimmed;
});
