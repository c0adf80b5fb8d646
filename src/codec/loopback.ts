import { isIPv4 } from 'node:net';

/** `host:port`, `[::1]:port` or a host alone. A name other than `localhost` may lead anywhere. */
export function isLoopback(address: string): boolean {
  const host = hostOf(address).toLowerCase();
  return host === 'localhost' || host === '::1' || (isIPv4(host) && host.startsWith('127.'));
}

function hostOf(address: string): string {
  const [, bracketed] = /^\[([^\]]*)\](?::\d+)?$/.exec(address) ?? [];
  if (bracketed !== undefined) return bracketed;
  const parts = address.split(':');
  return parts.length === 2 ? parts[0]! : address;
}
