import { spawnSync } from 'node:child_process';
import { chmodSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createCredentialStore } from '../../src/clients/credential-store';
import type { SshConnection } from '../../src/clients/ssh';

/** The client's own programs, run here in place of a load balancer. */
let machine: string;
let folder: string;
beforeEach(() => {
  machine = mkdtempSync(join(tmpdir(), 'krakenctl-logins-'));
  folder = join(machine, 'etc/kraken/c/nginx/auth');
  for (const name of ['bin', 'run']) mkdirSync(join(machine, name), { recursive: true });
  // Whoever runs this may not give files away.
  for (const name of ['chown', 'sync']) {
    writeFileSync(join(machine, 'bin', name), '#!/bin/sh\necho "$0 $*" >> "$LOG"\n');
    chmodSync(join(machine, 'bin', name), 0o755);
  }
});
afterEach(() => rmSync(machine, { recursive: true }));

const placed = (text: string) =>
  text
    .replaceAll(/(?<![\w.$}])\/(etc\/kraken|run\/krakenctl)/g, `${machine}/$1`)
    .replaceAll('-uid 65534', `-uid ${process.getuid!()}`);

const store = () => {
  const exec = async (command: string, { input }: { input: string | Buffer }) => {
    const env = { PATH: `${join(machine, 'bin')}:${process.env.PATH}`, LOG: join(machine, 'log') };
    const { stdout, stderr, status } = spawnSync('sh', ['-c', placed(command)], { env, input });
    if (status !== 0) throw new Error(`${status}: ${stderr}`);
    return { stdout, stderr: `${stderr}` };
  };
  return createCredentialStore({ host: 'node-1', exec } as unknown as SshConnection, '');
};

const mark = (auth: number, fleet: number, letter = 'a') => ({ auth, fleet, sum: letter.repeat(64) });
const files = (word: string) => ({
  pull: `pull ${word}\n`,
  push: `push ${word}\n`,
  agents: `agents ${word}\n`,
  enrol: `enrol ${word}\n`,
});
const write = (of: ReturnType<typeof mark>, word: string) => store().write('c', { mark: of, files: files(word) });
const text = (name: string) => readFileSync(join(folder, name), 'utf8');

describe('hashes on a load balancer', () => {
  test('are there whole, for the workers of NGINX alone, and read back', async () => {
    expect(await write(mark(1, 2), 'one')).toBe('written');
    expect([text('pull'), text('push'), text('agents')]).toEqual(['pull one\n', 'push one\n', 'agents one\n']);
    expect(statSync(join(folder, 'pull')).mode & 0o777).toBe(0o400);
    expect(readFileSync(join(machine, 'log'), 'utf8')).toMatch(/chown 65534:0 pull push agents enrol/);
    expect(await store().look('c')).toEqual(mark(1, 2));
    expect(readdirSync(folder).toSorted()).toEqual(['agents', 'enrol', 'mark', 'pull', 'push', 'sums']);
  });

  test('that are there already are left', async () => {
    await write(mark(1, 2), 'one');
    expect(await write(mark(1, 2), 'one')).toBe('same');
  });

  test('of a newer record stay: a user who was removed does not come back', async () => {
    await write(mark(3, 2, 'c'), 'newest');
    expect(await write(mark(2, 2, 'b'), 'older users')).toBe('newer');
    expect(await write(mark(3, 1, 'b'), 'older agents')).toBe('newer');
    expect(text('pull')).toBe('pull newest\n');
    expect(await write(mark(3, 3, 'd'), 'other agents')).toBe('written');
  });

  test('that somebody changed by hand are none, and are written again, whatever their generation', async () => {
    await write(mark(3, 3, 'c'), 'one');
    chmodSync(join(folder, 'push'), 0o600);
    writeFileSync(join(folder, 'push'), 'push mine\n');
    chmodSync(join(folder, 'push'), 0o400);
    expect(await store().look('c')).toBeUndefined();
    expect(await write(mark(2, 2, 'b'), 'two')).toBe('written');
    expect(text('push')).toBe('push two\n');
  });

  test('that others may read are none', async () => {
    await write(mark(1, 1), 'one');
    chmodSync(join(folder, 'agents'), 0o444);
    expect(await store().look('c')).toBeUndefined();
  });

  test('nowhere are none', async () => {
    expect(await store().look('c')).toBeUndefined();
  });
});
