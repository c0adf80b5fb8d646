import { spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import {
  chmodSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  symlinkSync,
  utimesSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { FencedOffError } from '../../src/clients/errors';
import type { InstallBundle } from '../../src/clients/host';
import { createInstallSource, installArchive } from '../../src/clients/install-source';
import type { SshConnection } from '../../src/clients/ssh';

/** The client's own programs, run here in place of a load balancer. */
let machine: string;
let served: string;
beforeEach(() => {
  machine = mkdtempSync(join(tmpdir(), 'krakenctl-balancer-'));
  served = join(machine, 'var/lib/kraken/c/nginx/install');
  for (const folder of ['bin', 'run', 'var/lib/kraken/c/nginx/spool'])
    mkdirSync(join(machine, folder), { recursive: true });
  const docker =
    'case "$1 $2" in "save "*) echo archive of $2; echo $2 >> "$MACHINE/saves" ;; *) echo image $5; echo architecture amd64 ;; esac';
  // A disk that others write to takes seconds for each file.
  for (const [name, program] of Object.entries({ docker, sync: 'exit 0' })) {
    writeFileSync(join(machine, 'bin', name), `#!/bin/sh\n${program}\n`);
    chmodSync(join(machine, 'bin', name), 0o755);
  }
});
afterEach(() => rmSync(machine, { recursive: true }));

/** Absolute paths lead below the machine's folder. */
const placed = (text: string) => text.replaceAll(/(?<![\w.$}])\/(var\/lib\/kraken|run\/krakenctl)/g, `${machine}/$1`);

const source = () => {
  const exec = async (command: string, { input }: { input: string | Buffer }) => {
    const env = { MACHINE: machine, PATH: `${join(machine, 'bin')}:${process.env.PATH}` };
    const { stdout, stderr, status } = spawnSync('sh', ['-c', placed(command)], { env, input, maxBuffer: 1e8 });
    if (status !== 0) throw new Error(`${status}: ${stderr}`);
    return { stdout, stderr: `${stderr}` };
  };
  return createInstallSource({ host: 'node-1', exec } as unknown as SshConnection, '');
};

async function bundle(release: string, epoch: number, image = `agent:${release}`): Promise<InstallBundle> {
  const [script, files] = [`script of ${release}\n`, Buffer.from(`files of ${release}\n`)];
  const { stdout } = spawnSync('sha256sum', { input: Buffer.concat([Buffer.from(script), files]) });
  const sum = stdout.toString().split(' ')[0]!;
  const archive = await installArchive(script, files);
  return { id: `id-${release}`, release, image, sum, archive, epoch };
}

const statOf = (name: string) =>
  /\.\d+/.exec(spawnSync('stat', ['-c', '%.9Y', join(served, name)], { encoding: 'utf8' }).stdout)![0];
const text = (name: string) => readFileSync(join(served, name), 'utf8');
const publish = async (release: string, epoch: number) => source().publish('c', await bundle(release, epoch));
const sentinel = `krakenctl-canary/agents@sha256:${'a'.repeat(64)}`;
const some = { sentinel, to: ['10.0.2.1', '10.0.2.2'] };

describe('what is published', () => {
  test('first may be taken by all: nobody has another', async () => {
    expect(await publish('one', 1700)).toEqual({ changed: true });
    expect(text('install')).toBe('script of one\n');
    expect(text('desired')).toBe('image agent:one\narchitecture amd64\nrelease one\n');
    expect([text('epoch'), text('turns'), text('wave')]).toEqual(['1700\n', 'sentinel \nall\n', '100\n']);
    expect(await source().look('c')).toMatchObject({ published: 'id-one', epoch: 1700, forAll: true });
  });

  test('in place of another is nobody’s yet', async () => {
    await publish('one', 1700);
    expect(await publish('two', 1800)).toEqual({ changed: true });
    expect([text('epoch'), text('turns'), text('wave')]).toEqual(['1800\n', 'sentinel \n', '0\n']);
    expect(await source().look('c')).toMatchObject({ published: 'id-two', epoch: 1800, forAll: false });
    expect(readdirSync(join(served, '../releases'))).toEqual(['id-two']);
  });

  test('of the same image is not written anew, unless what is there was damaged or is of another', async () => {
    const saves = () => readFileSync(join(machine, 'saves'), 'utf8').split('\n').filter(Boolean);
    const publishOf = async (release: string, epoch: number, image: string) =>
      source().publish('c', await bundle(release, epoch, image));
    await publishOf('one', 1700, 'agent:1');
    expect(await publishOf('two', 1800, 'agent:1')).toEqual({ changed: true });
    expect([saves(), text('image.tar'), text('desired')]).toEqual([
      ['agent:1'],
      'archive of agent:1\n',
      'image agent:1\narchitecture amd64\nrelease two\n',
    ]);
    expect(readdirSync(join(served, '../releases'))).toEqual(['id-two']);
    writeFileSync(join(served, 'image.tar'), 'damaged');
    expect(await publishOf('three', 1900, 'agent:1')).toEqual({ changed: true });
    expect([saves(), text('image.tar')]).toEqual([['agent:1', 'agent:1'], 'archive of agent:1\n']);
    expect(await publishOf('four', 2000, 'agent:2')).toEqual({ changed: true });
    expect([saves().at(-1), text('image.tar')]).toEqual(['agent:2', 'archive of agent:2\n']);
  });

  test('is summed again when the archive is another file, size or time, and put right where it is not what it was', async () => {
    await publish('one', 1700);
    const told = () => readFileSync(join(served, '../archive'), 'utf8');
    const before = told();
    expect(await publish('one', 1700)).toEqual({ changed: false });
    expect(told()).toBe(before);
    // Another byte at the same time: not read. Of another release it keeps the sum that it came with, so that each VM finds it.
    const { mtime } = statSync(join(served, 'image.tar'));
    const [right, wrong] = [text('image.tar'), text('image.tar').replace('archive', 'another')];
    writeFileSync(join(served, 'image.tar'), wrong);
    utimesSync(join(served, 'image.tar'), mtime, mtime);
    writeFileSync(join(served, '../archive'), before.replace(/\.\d+ /, `${statOf('image.tar')} `));
    expect(await publish('one', 1700)).toEqual({ changed: false });
    expect(await source().publish('c', await bundle('two', 1800, 'agent:one'))).toEqual({ changed: true });
    const [, sum] = /^(\S+) image\.tar /m.exec(text('sums'))!;
    expect(sum).toBe(createHash('sha256').update(right).digest('hex'));
    // A day later it is read again, whatever its time says.
    utimesSync(join(served, '../archive'), 1, 1);
    expect(await source().publish('c', await bundle('two', 1800, 'agent:one'))).toEqual({ changed: true });
    expect(text('image.tar')).toBe(right);
    expect(await publish('one', 1900)).toEqual({ changed: true });
    // Touched and otherwise as it was: summed, and found whole.
    utimesSync(join(served, 'image.tar'), 1, 1);
    expect(await publish('one', 1700)).toEqual({ changed: false });
    expect(told()).not.toBe(before);
    // As long as before, and not the same.
    writeFileSync(join(served, 'image.tar'), text('image.tar').replace('archive', 'damaged'));
    expect(await publish('one', 1700)).toEqual({ changed: true });
    expect(text('image.tar')).toBe('archive of agent:one\n');
  });

  test('again by a later operation is told with its epoch; it stays with all who might have it', async () => {
    await publish('one', 1700);
    expect(await publish('one', 1800)).toEqual({ changed: false });
    expect([text('epoch'), text('turns'), text('wave')]).toEqual(['1800\n', 'sentinel \nall\n', '100\n']);
  });

  test('again by a later operation is nobody’s where an earlier one had given some their turn', async () => {
    await publish('one', 1700);
    await publish('two', 1800);
    await source().giveTurns('c', { epoch: 1800, ...some });
    expect(await publish('two', 1900)).toEqual({ changed: false });
    expect([text('epoch'), text('turns'), text('wave')]).toEqual(['1900\n', 'sentinel \n', '0\n']);
  });

  test('by a krakenctl that knew no turns is taken on by the next operation', async () => {
    await publish('one', 1700);
    for (const name of ['epoch', 'turns']) rmSync(join(served, name));
    expect(await source().look('c')).toEqual({ published: 'id-one', forAll: false, enrolled: [] });
    expect(await source().giveTurns('c', { epoch: 1800, to: 'all' })).toEqual({ changed: true });
    expect(await publish('one', 1800)).toEqual({ changed: false });
    expect(await source().look('c')).toMatchObject({ epoch: 1800, forAll: true });
  });
});

describe('turns', () => {
  test('are given to some, to more and to all; again is no change', async () => {
    await publish('one', 1700);
    await publish('two', 1800);
    const give = (to: string[] | 'all') => source().giveTurns('c', { epoch: 1800, sentinel, to });
    expect(await give(['10.0.2.1'])).toEqual({ changed: true });
    expect(await give(['10.0.2.1'])).toEqual({ changed: false });
    expect([text('turns'), text('wave')]).toEqual([`sentinel ${sentinel}\n10.0.2.1\n`, '0\n']);
    expect(await give(['10.0.2.2', '10.0.2.3'])).toEqual({ changed: true });
    expect(text('turns')).toBe(`sentinel ${sentinel}\n10.0.2.1\n10.0.2.2\n10.0.2.3\n`);
    expect((await source().look('c')).forAll).toBe(false);
    expect(await give('all')).toEqual({ changed: true });
    expect(await give(['10.0.2.4'])).toEqual({ changed: false });
    expect(await source().giveTurns('c', { epoch: 1800, to: 'all' })).toEqual({ changed: false });
    expect([text('turns'), text('wave')]).toEqual([`sentinel ${sentinel}\nall\n`, '100\n']);
    expect(readdirSync(served).filter((name) => name.startsWith('.'))).toEqual([]);
  });

  test('are refused where another operation has published since, and where this one has not', async () => {
    await publish('one', 1700);
    const before = text('turns');
    for (const epoch of [1600, 1800]) {
      const refused = source().giveTurns('c', { epoch, ...some });
      await expect(refused).rejects.toThrow(FencedOffError);
      await expect(refused).rejects.toThrow('/install is of another operation (epoch 1700)');
    }
    expect(text('turns')).toBe(before);
  });
});

describe('what VMs say', () => {
  const say = (name: string, said: string) => writeFileSync(join(machine, 'var/lib/kraken/c/nginx/spool', name), said);

  test('is read word by word, with its age; whoever was told to leave is leaving', async () => {
    const [one, two] = ['1', '2'].map((c) => c.repeat(16));
    say('10.0.2.1', `host vm-1\nrelease ${one}\nkernel 6.1.0-1\nproven ${one}\n`);
    say('10.0.2.2', `release ${one}\nfailed ${two}-1800\n`);
    const ago = Date.now() / 1000 - 600;
    utimesSync(join(machine, 'var/lib/kraken/c/nginx/spool/10.0.2.2'), ago, ago);
    await publish('one', 1700);
    await source().dismiss('c', { addresses: ['10.0.2.2'], mark: 5 });
    const { enrolled } = await source().look('c');
    const bySize = enrolled.toSorted((a, b) => (a.address < b.address ? -1 : 1));
    expect(bySize).toEqual([
      { address: '10.0.2.1', ageSeconds: expect.any(Number), host: 'vm-1', release: one, proven: one },
      {
        address: '10.0.2.2',
        ageSeconds: expect.any(Number),
        release: one,
        failed: { release: two, epoch: 1800 },
        leaving: true,
      },
    ]);
    expect(bySize[1]!.ageSeconds - bySize[0]!.ageSeconds).toBeGreaterThanOrEqual(595);
  });

  test('what is no word of ours is left out, and what it says is cut', async () => {
    symlinkSync('/etc/passwd', join(machine, 'var/lib/kraken/c/nginx/spool/10.0.2.3'));
    spawnSync('mkfifo', [join(machine, 'var/lib/kraken/c/nginx/spool/10.0.2.4')]);
    say('not-an-address', 'release x\n');
    say('0000000001', 'release x\n');
    say('10.0.2.5', `host $(touch ${machine}/canary)\nrelease a b\n\0\u001b[31mhost x\n`);
    say('10.0.2.6', `${'x'.repeat(5000)}\nhost late\n`);
    say('10.0.2.7', 'failed no-epoch\nhost ok\nvm 10.0.2.8 0 host no\npublished no');
    const { enrolled, published } = await source().look('c');
    expect(published).toBeUndefined();
    const shown = enrolled.map(({ ageSeconds: _, ...vm }) => vm).toSorted((a, b) => (a.address < b.address ? -1 : 1));
    expect(shown).toEqual([{ address: '10.0.2.5' }, { address: '10.0.2.6' }, { address: '10.0.2.7', host: 'ok' }]);
    expect(existsSync(join(machine, 'canary'))).toBe(false);
  });

  test('of ten thousand VMs is read, and not of more', async () => {
    for (let i = 0; i < 10_050; i += 1) say(`10.1.${i >> 8}.${i & 255}`, `host vm-${i}\nrelease ${'1'.repeat(16)}\n`);
    const { enrolled } = await source().look('c');
    expect(enrolled).toHaveLength(10_000);
    expect(new Set(enrolled.map(({ host }) => host)).size).toBe(10_000);
  });
});
