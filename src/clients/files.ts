import { createHash } from 'node:crypto';
import { OutcomeUnknownError } from './errors';
import { failpoints } from './failpoints';
import { effectLock } from './fence-program';
import type { HostFiles } from './host';
import type { ExecResult, SshConnection } from './ssh';

/**
 * Files of a host by one exec each. The programs are constant; paths and contents travel on stdin, so no value is ever read by a
 * shell as text of a program.
 */

/** stdin: folders, each ended by NUL. stdout: mode, ctime and path of each file, then its sum, each record ended by NUL. */
const listProgram = `LC_ALL=C xargs -0 -r sh -c 'for d; do [ -d "$d" ] && find "$d" -type f -print0; done; :' sh | LC_ALL=C xargs -0 -r sh -c 'for f; do s=$(sha256sum < "$f") || continue; stat --printf="%a %Z \${s%% *} %n\\0" -- "$f" || :; done' sh`;

/** stdin: path, newline. stdout: one byte 1 and the contents, or 0. */
const readProgram = `IFS= read -r p; if [ -e "$p" ]; then printf 1; cat -- "$p"; else printf 0; fi`;

/** Held shared while a program changes something; see `settle` of the fence. */
export const underEffectLock = `umask 022; mkdir -p /run/krakenctl; exec 7>>${effectLock}; flock -s 7; `;

/**
 * stdin: path, mode, sum, and a folder to be closed to others or nothing, a line each; then the contents. Looks first; the rename comes after the sum is right and the bytes are on
 * disk. The receipt is `same` or `written`, then sum and mode as they are there afterwards.
 */
const writeProgram = `${underEffectLock}set -e; IFS= read -r p; IFS= read -r m; IFS= read -r s; IFS= read -r q; if [ -n "$q" ]; then mkdir -p -- "$q"; chmod 0700 -- "$q"; fi; seen() { g=$(sha256sum < "$p"); printf '%s %s %s\\n' "$1" "\${g%% *}" "$(stat -c %a -- "$p")"; }; if [ -f "$p" ] && [ "$(seen x)" = "x $s $m" ]; then cat > /dev/null; seen same; exit 0; fi; d=$(dirname -- "$p"); umask 077; if [ ! -d "$d" ]; then (umask 022; mkdir -p -- "$d"); fi; t=$(mktemp -- "$d/.krakenctl.XXXXXXXX"); trap 'rm -f -- "$t"' EXIT; cat > "$t"; g=$(sha256sum < "$t"); [ "\${g%% *}" = "$s" ]; chmod -- "$m" "$t"; sync -- "$t"; mv -f -T -- "$t" "$p"; sync -- "$d"; seen written`;

/** stdin: path, then the line. The receipt is the sum of the last line. */
const appendProgram = `${underEffectLock}set -e; IFS= read -r p; d=$(dirname -- "$p"); mkdir -p -- "$d"; IFS= read -r l; printf '%s\\n' "$l" >> "$p"; sync -- "$p"; tail -n 1 -- "$p" | sha256sum`;

const removeProgram = `${underEffectLock}IFS= read -r p; rm -f -- "$p"; if [ -e "$p" ]; then exit 1; fi`;

const biggestRead = 4 * 1024 * 1024;

/**
 * \`sh -c PROGRAM\` as one word for the login shell, which only ever sees this constant text. Each program reads its own stdin byte by
 * byte (\`read\`), so that what follows the header is still there.
 */
export function asProgram(sudo: string, program: string): string {
  return `${sudo}sh -c '${program.replaceAll("'", "'\\''")}'`;
}

const sha256 = (data: Buffer | string) => createHash('sha256').update(data).digest('hex');

function refuseNewline(path: string): void {
  if (/[\n\0]/.test(path)) throw new Error(`a path with a newline is not supported: ${JSON.stringify(path)}`);
}

export function createFiles(ssh: SshConnection, sudo: string): HostFiles {
  const run = (program: string, input: Buffer | string) => ssh.exec(asProgram(sudo, program), { input });
  return {
    async list(folders) {
      const { stdout } = await run(listProgram, folders.map((f) => `${f}\0`).join(''));
      return stdout
        .toString()
        .split('\0')
        .filter((record) => record !== '')
        .map(parseListed)
        .sort((a, b) => (a.path < b.path ? -1 : 1));
    },
    async read(path) {
      refuseNewline(path);
      const { stdout } = await run(readProgram, `${path}\n`);
      if (stdout[0] !== '1'.charCodeAt(0)) return undefined;
      if (stdout.length > biggestRead) throw new Error(`${ssh.host}: ${path} is larger than 4 MiB`);
      return stdout.subarray(1);
    },
    async write({ path, mode, contents, privateFolder = '' }) {
      refuseNewline(path);
      refuseNewline(privateFolder);
      const sum = sha256(contents);
      const header = Buffer.from(`${path}\n${mode.toString(8)}\n${sum}\n${privateFolder}\n`);
      const input = Buffer.concat([header, contents]);
      const { stdout } = failpoints ? await writeInSight(ssh, sudo, input) : await run(writeProgram, input);
      const [did, ...found] = stdout.toString().trim().split(' ');
      expectReceipt({ host: ssh.host, path }, found.join(' '), `${sum} ${mode.toString(8)}`);
      return { changed: did === 'written' };
    },
    async append(path, line) {
      refuseNewline(path);
      refuseNewline(line);
      const { stdout } = await run(appendProgram, `${path}\n${line}\n`);
      expectReceipt({ host: ssh.host, path }, stdout.toString().split(' ')[0], sha256(`${line}\n`));
    },
    async remove(path) {
      refuseNewline(path);
      await run(removeProgram, `${path}\n`);
    },
  };
}

/** The same program, telling when it comes to the rename and lingering there, so that a campaign can cut it on either side. */
async function writeInSight(ssh: SshConnection, sudo: string, input: Buffer): Promise<ExecResult> {
  const program = writeProgram
    .replace(' mv ', ' echo staged >&2; sleep 0.3; mv ')
    .replace('; seen written', '; echo renamed >&2; sleep 0.3; seen written');
  const onStderr = (text: string) => {
    if (text.includes('staged')) void failpoints?.reach('files', 'before-rename', 'write');
    if (text.includes('renamed')) void failpoints?.reach('files', 'after-rename', 'write');
  };
  const half = () => failpoints?.reach('files', 'mid-write', 'write') ?? Promise.resolve();
  return ssh.exec(asProgram(sudo, program), { input, half, onStderr });
}

function expectReceipt(
  { host, path }: { host: string; path: string },
  receipt: string | undefined,
  wanted: string,
): void {
  if (receipt === wanted) return;
  throw new OutcomeUnknownError(`${host}: ${path} was written but reads back as ${receipt || 'nothing'}`, host);
}

function parseListed(record: string) {
  const [mode, changedAt, sum] = record.split(' ', 3);
  return {
    path: record.slice(mode!.length + changedAt!.length + sum!.length + 3),
    sha256: sum!,
    mode: Number.parseInt(mode!, 8),
    changedAt: Number(changedAt),
  };
}
