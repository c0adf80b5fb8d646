import { connect } from 'node:tls';
import type { Handshake, TlsClient } from './host';
import { notTls } from './http';
import type { SshConnection } from './ssh';

const withinMs = 5000;

/** `plain`: somebody answers, and not in TLS; `nothing`: nobody does. */
export async function shakeHands(
  ssh: Pick<SshConnection, 'forward'>,
  port: number,
  client: TlsClient,
): Promise<Handshake | 'plain' | 'nothing'> {
  const forward = await ssh.forward(port).catch(() => undefined);
  if (!forward) return 'nothing';
  const { trusted: ca, certificate: cert, key, name: servername } = client;
  const socket = connect({ socket: forward, ca, cert, key, servername, rejectUnauthorized: false });
  try {
    return await new Promise((resolve) => {
      const timer = setTimeout(() => resolve('nothing'), withinMs);
      const end = (answer: Handshake | 'plain' | 'nothing') => {
        clearTimeout(timer);
        resolve(answer);
      };
      socket.on('error', (error) => end(notTls.test(error.message) ? 'plain' : 'nothing'));
      socket.on('close', () => end('nothing'));
      socket.once('secureConnect', () => {
        const shown = socket.getPeerX509Certificate();
        if (!shown) return end('nothing');
        end({
          serial: shown.serialNumber,
          names: shown.subjectAltName ?? '',
          issuer: shown.issuer,
          until: new Date(shown.validTo).toISOString(),
          // Its name was looked at too.
          isBelieved: socket.authorized,
        });
      });
    });
  } finally {
    socket.destroy();
    forward.destroy();
    forward.resume();
  }
}
