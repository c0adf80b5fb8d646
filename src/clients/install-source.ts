import { pack } from 'tar-stream';
import type { EnrolledVm, PublishedInstall } from '../cluster/agents/install-source';
import { FencedOffError } from './errors';
import { asProgram } from './files';
import type { InstallSource } from './host';
import { applicantsProgram, dismissProgram, lookProgram, publishProgram, turnsProgram } from './install-programs';
import type { SshConnection } from './ssh';

/** On a load balancer: what VMs install their agents from, and what they say of themselves. */

const publishTimeoutMs = 10 * 60_000;

export function createInstallSource(ssh: SshConnection, sudo: string): InstallSource {
  return {
    async publish(cluster, { id, release, image, sum, archive, epoch }) {
      const input = Buffer.concat([
        Buffer.from(`${cluster}\n${id}\n${release}\n${image}\n${sum}\n${epoch}\n`),
        archive,
      ]);
      const { stdout } = await ssh.exec(asProgram(sudo, publishProgram), { input, timeoutMs: publishTimeoutMs });
      return { changed: stdout.toString().trim() === 'written' };
    },
    async giveTurns(cluster, { epoch, sentinel = '', to }) {
      const input = [cluster, epoch, sentinel, ...(to === 'all' ? ['all'] : to)].map((line) => `${line}\n`).join('');
      const { stdout } = await ssh.exec(asProgram(sudo, turnsProgram), { input });
      const [answer, served] = stdout.toString().trim().split(' ');
      if (answer === 'other') {
        const why = `/install is of another operation (epoch ${served})`;
        throw new FencedOffError(`${ssh.host}: ${why}`, ssh.host, Number(served) || 0);
      }
      return { changed: answer === 'written' };
    },
    async dismiss(cluster, { addresses, mark }) {
      const input = [cluster, mark, ...addresses].map((line) => `${line}\n`).join('');
      const { stdout } = await ssh.exec(asProgram(sudo, dismissProgram), { input });
      return { changed: stdout.toString().trim() === 'written' };
    },
    async applicants(cluster, token) {
      const { stdout } = await ssh.exec(asProgram(sudo, applicantsProgram), { input: `${cluster}\n${token}\n` });
      return stdout
        .toString()
        .split('\n')
        .flatMap((line) => {
          const [, address, sum, salt] = /^(\d+\.\d+\.\d+\.\d+) ([0-9a-f]{40}) ([0-9a-f]{16,64})$/.exec(line) ?? [];
          return address && sum && salt ? [{ address, sum, salt }] : [];
        });
    },
    async look(cluster) {
      const { stdout } = await ssh.exec(asProgram(sudo, lookProgram), { input: `${cluster}\n` });
      return parseLook(stdout.toString());
    },
  };
}

/** What VMs say is not to be trusted: only known words, cut, count. */
function parseLook(text: string): PublishedInstall {
  const lines = text.split('\n');
  const published = lines.flatMap((line) => /^published (\S+)$/.exec(line)?.[1] ?? [])[0];
  const dismissed = new Set(lines.flatMap((line) => /^dismissed (\S+) \d+$/.exec(line)?.[1] ?? []));
  const enrolled = lines.flatMap((line) => {
    const [, address, age, said = ''] = /^vm (\d+\.\d+\.\d+\.\d+) (-?\d+) (.*)$/.exec(line) ?? [];
    if (!address) return [];
    const word = (name: string) => new RegExp(`(?:^|;)${name} ([\\w.-]{1,64})(?:;|$)`).exec(said)?.[1];
    const [, release, epoch] = /^([0-9a-f]{16})-(\d{1,16})$/.exec(word('failed') ?? '') ?? [];
    const vm: EnrolledVm = {
      address,
      ageSeconds: Number(age),
      host: word('host'),
      release: word('release'),
      proven: word('proven'),
      ...(release && { failed: { release, epoch: Number(epoch) } }),
      ...(dismissed.has(address) && { leaving: true }),
    };
    return [vm];
  });
  const epoch = lines.flatMap((line) => /^epoch (\d{1,16})$/.exec(line)?.[1] ?? [])[0];
  return { published, ...(epoch && { epoch: Number(epoch) }), forAll: lines.includes('turns all'), enrolled };
}

/** The same files give the same bytes. */
export async function installArchive(script: string, release: Buffer): Promise<Buffer> {
  const archive = pack();
  const chunks: Buffer[] = [];
  const read = (async () => {
    for await (const chunk of archive) chunks.push(chunk as Buffer);
  })();
  const mtime = new Date(0);
  archive.entry({ name: 'install', mode: 0o644, mtime }, script);
  archive.entry({ name: 'release.tar', mode: 0o644, mtime }, release);
  archive.finalize();
  await read;
  return Buffer.concat(chunks);
}
