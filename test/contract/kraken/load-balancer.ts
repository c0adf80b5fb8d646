import { createServer, request } from 'node:http';
import type { AddressInfo } from 'node:net';

/** The least that clients need before a proxy: an address on loopback, and Location as a path. */
export interface LoadBalancer {
  /** `127.0.0.1:<port>`, where Docker speaks plain HTTP. */
  address: string;
  close(): void;
}

export async function startLoadBalancer(target: string): Promise<LoadBalancer> {
  const { hostname, port } = new URL(target);
  const server = createServer((incoming, outgoing) => {
    const { method, url: path, headers } = incoming;
    const onward = request({ hostname, port, method, path, headers, agent: false }, (answer) => {
      const { location } = answer.headers;
      if (location) answer.headers.location = location.replace(/^https?:\/\/[^/]+/, '');
      outgoing.writeHead(answer.statusCode ?? 502, answer.headers);
      answer.pipe(outgoing);
    });
    onward.on('error', () => outgoing.destroy());
    incoming.pipe(onward);
  });
  await new Promise<void>((resolve) => {
    server.listen(0, '127.0.0.1', resolve);
  });
  const close = () => {
    server.close();
    server.closeAllConnections();
  };
  return { address: `127.0.0.1:${(server.address() as AddressInfo).port}`, close };
}
