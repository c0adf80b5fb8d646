import type { Duplex } from 'node:stream';
import type { HostSpec } from '../cluster/spec';
import { createAgentHost } from './agent-host';
import { createCredentialStore } from './credential-store';
import { createEngine } from './docker';
import { HostUnreachableError } from './errors';
import {
  agentEffects,
  credentialEffects,
  engineEffects,
  fileEffects,
  firewallEffects,
  folderEffects,
  redisEffects,
  withFailpoints,
} from './failpoints';
import { Fence } from './fence';
import { createFiles } from './files';
import { createFirewallHost } from './firewall-host';
import { createFolders } from './folders';
import { shakeHands } from './handshake';
import type {
  AgentHost,
  CredentialStore,
  Engine,
  FenceLease,
  FenceScope,
  FirewallHost,
  HostConnection,
  HostFiles,
  HostFolders,
  InstallSource,
  Preflight,
  RedisInstance,
  TlsClient,
  Traffic,
} from './host';
import { createHttp } from './http';
import { createInstallSource } from './install-source';
import { askMachine, listenOn, setKernel, tryPorts } from './preflight';
import { createRedis } from './redis';
import { dockerSocket, probeRights, type Rights } from './rights';
import type { SshConnection } from './ssh';
import { StreamAgent } from './stream-agent';
import { createTraffic } from './traffic';

/** A request takes 3 ms on a kept connection and 40 ms on a new one. */
const forwardedSockets = 7;
/** Each of these is a session of sshd, of which it allows ten. */
const dialStdioSockets = 3;

/** A host over one multiplexed SSH connection. */
export class SshHost implements HostConnection {
  readonly engine: Engine;
  readonly files: HostFiles;
  readonly folders: HostFolders;
  readonly http: HostConnection['http'];
  readonly preflight: Preflight;
  readonly traffic: Traffic;
  readonly agent: AgentHost;
  readonly installs: InstallSource;
  readonly firewall: FirewallHost;
  readonly credentials: CredentialStore;
  private readonly held: Fence;
  private readonly fences: Pick<Fence, 'lease'>;
  private readonly redises = new Map<string, RedisInstance>();

  private constructor(
    readonly host: HostSpec,
    private readonly ssh: SshConnection,
    rights: Rights,
  ) {
    const maxSockets = rights.socket === 'forward' ? forwardedSockets : dialStdioSockets;
    const dial = () => dialEngine(ssh, rights);
    this.engine = withFailpoints('docker', engineEffects, createEngine(new StreamAgent(dial, { maxSockets }), host.id));
    this.files = withFailpoints('files', fileEffects, createFiles(ssh, rights.sudo));
    this.folders = withFailpoints('files', folderEffects, createFolders(ssh, rights.sudo));
    this.http = createHttp(ssh);
    this.agent = withFailpoints('agent', agentEffects, createAgentHost(ssh, rights.sudo));
    this.installs = createInstallSource(ssh, rights.sudo);
    this.credentials = withFailpoints('files', credentialEffects, createCredentialStore(ssh, rights.sudo));
    this.firewall = withFailpoints('firewall', firewallEffects, createFirewallHost(ssh, rights.sudo));
    this.preflight = {
      forwards: rights.socket === 'forward',
      machine: (query) => askMachine(ssh, rights.sudo, query),
      listen: (word, ports) => listenOn(ssh, word, ports),
      reach: (targets) => tryPorts(ssh, targets),
      setKernel: (mend) => setKernel(ssh, rights.sudo, mend),
    };
    this.traffic = createTraffic(ssh, rights.sudo);
    this.held = new Fence({ ssh, sudo: rights.sudo, dialEngine: dial });
    this.fences = withFailpoints('fence', ['lease'], this.held);
  }

  static async over(host: HostSpec, ssh: SshConnection): Promise<SshHost> {
    const rights = await probeRights(ssh);
    if (rights.socket === 'dial-stdio') ssh.limitExecs(dialStdioSockets);
    return new SshHost(host, ssh, rights);
  }

  get isOpen(): boolean {
    return this.ssh.isOpen;
  }

  redis(port: number, tls?: TlsClient): RedisInstance {
    const name = tls ? `${port} ${tls.certificate}${tls.trusted}` : `${port}`;
    const known = this.redises.get(name) ?? withFailpoints('redis', redisEffects, createRedis(this.ssh, port, tls));
    this.redises.set(name, known);
    return known;
  }

  handshake(port: number, client: TlsClient): ReturnType<HostConnection['handshake']> {
    return shakeHands(this.ssh, port, client);
  }

  fence(scope: FenceScope): Promise<FenceLease> {
    return this.fences.lease(scope);
  }

  /** Without this a host takes an end of the connection for a break, and looks for what it may have left under way. */
  async leave(): Promise<void> {
    await this.held.letGoOfAll();
    this.ssh.close();
  }

  close(): void {
    this.ssh.close();
  }
}

async function dialEngine(ssh: SshConnection, rights: Rights): Promise<Duplex> {
  if (rights.socket === 'forward') return ssh.forwardSocket(dockerSocket);
  const channel = await ssh.session(`${rights.sudo}docker system dial-stdio`, (opened) => opened);
  channel.stderr.on('data', (text: Buffer) => {
    const why = `${ssh.host}: docker system dial-stdio: ${text.toString().trim()}`;
    channel.emit('error', new HostUnreachableError(why, ssh.host));
    channel.destroy();
  });
  return channel;
}
