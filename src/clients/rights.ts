import { RemoteCommandError, RightsError } from './errors';
import type { SshConnection } from './ssh';

/** How this login works on this host (decisions 14). */
export interface Rights {
  /** Put before programs that change or read root's files. */
  sudo: '' | 'sudo -n ';
  /** The Engine's socket can be opened by this user through a forward; else `docker system dial-stdio` with sudo. */
  socket: 'forward' | 'dial-stdio';
}

export const dockerSocket = '/var/run/docker.sock';

/** One exec says all: who we are, whether the socket is ours, whether sudo asks nothing. */
const probe = `id -u; if [ -S ${dockerSocket} ]; then if [ -w ${dockerSocket} ]; then echo socket; else echo closed; fi; else echo none; fi; if sudo -n true 2>/dev/null; then echo sudo; else echo nosudo; fi`;

export async function probeRights(ssh: SshConnection): Promise<Rights> {
  const { stdout } = await ssh.exec(probe).catch((error: Error) => {
    if (!(error instanceof RemoteCommandError)) throw error;
    throw new RightsError(`${ssh.host}: the SSH user cannot run commands: ${error.message}`, ssh.host, {
      cause: error,
    });
  });
  // A login shell may print a banner first: the last three lines are ours.
  const [uid, socket, sudo] = stdout.toString().trim().split('\n').slice(-3);
  const isRoot = uid === '0';
  const hasSudo = sudo === 'sudo';
  if (!isRoot && !hasSudo) {
    throw new RightsError(
      `${ssh.host}: the SSH user is not root and "sudo -n true" fails; allow it NOPASSWD sudo`,
      ssh.host,
    );
  }
  if (socket === 'none') {
    throw new RightsError(`${ssh.host}: there is no ${dockerSocket}; install and start a Docker engine`, ssh.host);
  }
  const sudoPrefix = isRoot ? '' : 'sudo -n ';
  if (socket === 'closed') return { sudo: sudoPrefix, socket: 'dial-stdio' };
  return { sudo: sudoPrefix, socket: (await canForward(ssh)) ? 'forward' : 'dial-stdio' };
}

async function canForward(ssh: SshConnection): Promise<boolean> {
  try {
    const stream = await ssh.forwardSocket(dockerSocket);
    stream.destroy();
    return true;
  } catch {
    // A refused StreamLocal says only "open failed", whatever the cause; dial-stdio tells whether the Engine itself answers.
    return false;
  }
}
