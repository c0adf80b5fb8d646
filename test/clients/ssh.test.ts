import { appendFileSync, readFileSync, writeFileSync } from 'node:fs';
import { type AddressInfo, createServer } from 'node:net';
import {
  HostKeyChangedError,
  HostKeyError,
  HostRefusedError,
  HostUnreachableError,
  OutcomeUnknownError,
  RemoteCommandError,
} from '../../src/clients/errors';
import { startSshd, type TestSshd } from '../support/ssh-server';

let sshd: TestSshd;
afterEach(() => sshd?.close());

describe('an exec', () => {
  test('succeeds with exit code 0, values on stdin and output back', async () => {
    sshd = await startSshd();
    const ssh = await sshd.open();
    const { stdout } = await ssh.exec('cat; printf x', { input: 'a b\n"$(touch canary)"\n' });
    expect(stdout.toString()).toBe('a b\n"$(touch canary)"\nx');
  });

  test('whose code comes in the same packet as its opening is not lost', async () => {
    sshd = await startSshd((channel) => {
      channel.write('quick');
      channel.exit(0);
      channel.end();
    });
    const ssh = await sshd.open();
    const all = await Promise.all(Array.from({ length: 40 }, () => ssh.exec('true')));
    expect(all.every(({ stdout }) => stdout.toString() === 'quick')).toBe(true);
  });

  test('that ends with another code says the code and the tail of what it said', async () => {
    sshd = await startSshd();
    const ssh = await sshd.open();
    const failure = await ssh.exec('echo broken >&2; exit 7').catch((error) => error);
    expect(failure).toBeInstanceOf(RemoteCommandError);
    expect(failure).toMatchObject({ exitCode: 7, stderrTail: 'broken\n', host: 'node-1' });
  });

  test('whose channel closes without an exit code is an unknown outcome, never a success', async () => {
    sshd = await startSshd((channel) => {
      channel.write('half');
      channel.close();
    });
    const ssh = await sshd.open();
    await expect(ssh.exec('true')).rejects.toBeInstanceOf(OutcomeUnknownError);
  });

  test('whose connection is cut in the middle is an unknown outcome', async () => {
    sshd = await startSshd((_channel, _command, client) => client.end());
    const ssh = await sshd.open();
    await expect(ssh.exec('true')).rejects.toBeInstanceOf(OutcomeUnknownError);
    expect(ssh.isOpen).toBe(false);
    await expect(ssh.exec('true')).rejects.toBeInstanceOf(HostUnreachableError);
  });

  test('that does not end in its time is an unknown outcome', async () => {
    sshd = await startSshd(() => undefined);
    const ssh = await sshd.open();
    await expect(ssh.exec('true', { timeoutMs: 50 })).rejects.toBeInstanceOf(OutcomeUnknownError);
  });

  test('for which sshd has no session yet, since it still counts some that are over, begins when it has', async () => {
    sshd = await startSshd();
    const ssh = await sshd.open();
    sshd.full = 3;
    expect((await ssh.exec('printf x')).stdout.toString()).toBe('x');
    expect(sshd.full).toBe(0);
  });

  test('waits while as many as sshd allows are under way, and all come to their end', async () => {
    let now = 0;
    let most = 0;
    sshd = await startSshd((channel) => {
      now += 1;
      most = Math.max(most, now);
      setImmediate(() => {
        now -= 1;
        channel.exit(0);
        channel.end();
      });
    });
    const ssh = await sshd.open();
    await Promise.all(Array.from({ length: 50 }, () => ssh.exec('true')));
    expect(most).toBeLessThanOrEqual(9);
  });
});

describe('the host key', () => {
  test('that is pinned lets us in', async () => {
    sshd = await startSshd();
    expect((await sshd.open()).isOpen).toBe(true);
  });

  test('that is another than the pinned one is refused before we authenticate', async () => {
    sshd = await startSshd();
    const other = await startSshd();
    const foreign = readFileSync(other.knownHosts, 'utf8').split(' ').slice(1).join(' ');
    other.close();
    writeFileSync(sshd.knownHosts, `[127.0.0.1]:${sshd.port} ${foreign}`);
    await expect(sshd.open()).rejects.toBeInstanceOf(HostKeyChangedError);
    await expect(sshd.open({ acceptNewHostKeys: true })).rejects.toBeInstanceOf(HostKeyChangedError);
    expect(sshd.tried).toEqual([]);
  });

  test('that is not pinned is refused, unless new keys are accepted: then it is pinned', async () => {
    sshd = await startSshd();
    const pinned = readFileSync(sshd.knownHosts, 'utf8');
    writeFileSync(sshd.knownHosts, '# nothing yet\n');
    const failure = await sshd.open().catch((error) => error);
    expect(failure).toBeInstanceOf(HostKeyError);
    // Which says how to pin it; one that is another is not pinned that way.
    expect(failure).not.toBeInstanceOf(HostKeyChangedError);
    expect(failure.message).toContain(sshd.knownHosts);
    expect(sshd.tried).toEqual([]);
    await sshd.open({ acceptNewHostKeys: true });
    expect(readFileSync(sshd.knownHosts, 'utf8')).toContain(pinned.trim().split(' ')[2]);
    await sshd.open();
  });

  test('that is revoked is refused', async () => {
    sshd = await startSshd();
    const line = readFileSync(sshd.knownHosts, 'utf8');
    writeFileSync(sshd.knownHosts, '');
    appendFileSync(sshd.knownHosts, `@revoked ${line}`);
    await expect(sshd.open({ acceptNewHostKeys: true })).rejects.toBeInstanceOf(HostKeyError);
  });
});

describe('what a host that does not let us in says', () => {
  test('a refused user or key is a refusal, not an unreachable host', async () => {
    sshd = await startSshd();
    const target = { address: '127.0.0.1', port: sshd.port, user: 'refused' };
    await expect(sshd.open({ target })).rejects.toBeInstanceOf(HostRefusedError);
  });

  test('a key file that is not there is named', async () => {
    sshd = await startSshd();
    const failure = await sshd.open({ keyPath: '/nowhere/id' }).catch((error) => error);
    expect(failure).toBeInstanceOf(HostRefusedError);
    expect(failure.message).toContain('/nowhere/id');
  });

  test('a closed port is an unreachable host', async () => {
    sshd = await startSshd();
    const target = { address: '127.0.0.1', port: 1, user: 'root' };
    writeFileSync(sshd.knownHosts, '');
    await expect(sshd.open({ target })).rejects.toBeInstanceOf(HostUnreachableError);
  });
});

test('a host that cuts the connection before the handshake is unreachable, and nothing else happens', async () => {
  sshd = await startSshd();
  const uncaught: Error[] = [];
  const note = (error: Error) => uncaught.push(error);
  const cutting = createServer((socket) => socket.once('data', () => socket.resetAndDestroy()));
  await new Promise<void>((resolve) => cutting.listen(0, '127.0.0.1', resolve));
  const { port } = cutting.address() as AddressInfo;
  process.on('uncaughtExceptionMonitor', note);
  try {
    const opening = sshd.open({ target: { address: '127.0.0.1', port, user: 'root' } });
    await expect(opening).rejects.toBeInstanceOf(HostUnreachableError);
    await new Promise((resolve) => cutting.close(resolve));
  } finally {
    process.off('uncaughtExceptionMonitor', note);
  }
  expect(uncaught).toEqual([]);
});

describe('through a bastion', () => {
  const bastion = () => ({ address: '127.0.0.1', port: sshd.port, user: 'root' });

  test('a host is reached, and the connection to the bastion ends with the one to the host', async () => {
    sshd = await startSshd();
    const ssh = await sshd.open({ proxyJump: bastion() });
    expect((await ssh.exec('printf x')).stdout.toString()).toBe('x');
    ssh.close();
    await sshd.allGone();
  });

  test.each([
    ['that cannot be reached', { port: 1 }, HostUnreachableError],
    ['that does not let us in', { user: 'refused' }, HostRefusedError],
  ])('a host %s leaves no connection to the bastion', async (_, other, expected) => {
    sshd = await startSshd();
    const target = { ...bastion(), ...other };
    await expect(sshd.open({ target, proxyJump: bastion() })).rejects.toBeInstanceOf(expected);
    expect(sshd.tried[0]).toBe('root');
    await sshd.allGone();
  });
});
