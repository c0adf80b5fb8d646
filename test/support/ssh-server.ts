import { spawn } from 'node:child_process';
import { generateKeyPairSync } from 'node:crypto';
import { once } from 'node:events';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { type AddressInfo, connect } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type Connection, Server, type ServerChannel, utils } from 'ssh2';
import { SshConnection, type SshOptions } from '../../src/clients/ssh';

/** How the server answers an exec: really (`sh -c`), or in one of the ways that are hard to get from a real sshd. */
export type Answer = 'run' | ((channel: ServerChannel, command: string, client: Connection) => void);

/** A real SSH server in this process, on loopback. */
export interface TestSshd {
  port: number;
  keyPath: string;
  knownHosts: string;
  /** Authentications that were tried, by user. */
  tried: string[];
  /** So many sessions more are refused, as by sshd when MaxSessions are open. */
  full: number;
  open(change?: Partial<SshOptions>): Promise<SshConnection>;
  /** Every connection that is there has ended. */
  allGone(): Promise<unknown>;
  close(): void;
}

/** ssh2's own generator makes a malformed ed25519 key now and then, and node takes a fifth of a second for one of RSA. */
function keyPair(): { private: string; public: string } {
  const { privateKey } = generateKeyPairSync('ec', {
    namedCurve: 'P-256',
    privateKeyEncoding: { type: 'sec1', format: 'pem' },
    publicKeyEncoding: { type: 'spki', format: 'pem' },
  });
  const parsed = utils.parseKey(privateKey);
  if (parsed instanceof Error) throw parsed;
  return { private: privateKey, public: `${parsed.type} ${parsed.getPublicSSH().toString('base64')}` };
}

export async function startSshd(answer: Answer = 'run'): Promise<TestSshd> {
  const folder = mkdtempSync(join(tmpdir(), 'krakenctl-sshd-'));
  const host = keyPair();
  const keyPath = join(folder, 'id');
  writeFileSync(keyPath, keyPair().private, { mode: 0o600 });
  const tried: string[] = [];
  const clients = new Set<Connection>();
  const server = new Server({ hostKeys: [host.private] }, (client) => {
    clients.add(client);
    client.once('close', () => clients.delete(client));
    // As sshd does; without it each new channel stalls for 40 ms.
    (client as Connection & { setNoDelay(on: boolean): void }).setNoDelay(true);
    client.on('error', () => undefined);
    client.on('authentication', (context) => {
      tried.push(context.username);
      if (context.username === 'refused') context.reject();
      else context.accept();
    });
    client.on('tcpip', (accept, reject, { destIP, destPort }) => {
      const socket = connect(destPort, destIP, () => {
        const channel = accept();
        channel.on('error', () => undefined);
        socket.pipe(channel).pipe(socket);
      });
      socket.on('error', () => reject());
    });
    client.on('session', (accept, reject) => {
      if (sshd.full > 0) {
        sshd.full -= 1;
        // Its types know no reason.
        (reject as (reason: number) => void)(2);
        return;
      }
      accept().on('exec', (acceptExec, _reject, { command }) => {
        const channel = acceptExec();
        if (answer === 'run') runLocally(channel, command);
        else answer(channel, command, client);
      });
    });
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as AddressInfo;
  const knownHosts = join(folder, 'known_hosts');
  writeFileSync(knownHosts, `[127.0.0.1]:${port} ${host.public}\n`);
  const opened: SshConnection[] = [];
  const sshd: TestSshd = {
    port,
    full: 0,
    keyPath,
    knownHosts,
    tried,
    async open(change = {}) {
      const target = { address: '127.0.0.1', port, user: 'root' };
      const connection = await SshConnection.open({
        host: 'node-1',
        target,
        keyPath,
        knownHostsPath: knownHosts,
        ...change,
      });
      opened.push(connection);
      return connection;
    },
    allGone: () => Promise.all([...clients].map((client) => once(client, 'close'))),
    close() {
      for (const connection of opened) connection.close();
      for (const client of clients) client.end();
      server.close();
      rmSync(folder, { recursive: true, force: true });
    },
  };
  return sshd;
}

function runLocally(channel: ServerChannel, command: string): void {
  const child = spawn('sh', ['-c', command], { stdio: ['pipe', 'pipe', 'pipe'], env: process.env });
  channel.pipe(child.stdin);
  child.stdin.on('error', () => undefined);
  child.stdout.on('data', (data) => channel.write(data));
  child.stderr.on('data', (data) => channel.stderr.write(data));
  child.on('close', (code) => {
    channel.exit(code ?? 255);
    channel.end();
  });
}
