import { asProgram } from './files';
import type { Acknowledged, ReachTarget, Traffic } from './host';
import type { SshConnection } from './ssh';

/** Looks at what is under way between hosts; program texts are constant, values travel on stdin. */

/** stdin: a filter of ss. stdout: how many connections of an NGINX match it, and the word that says that it was looked at. */
const connectionsProgram = `set -e; IFS= read -r filter
all=$(ss -Htnp state established $filter)
printf 'seen %s\\n' "$(printf '%s\\n' "$all" | grep -c '"nginx"' || true)"`;

/** stdin: a folder, minutes. stdout: files in it that were written to since then; a folder that is not there has none. */
const recentProgram = `set -e; IFS= read -r folder; IFS= read -r minutes
[ -d "$folder" ] || { echo 'seen 0'; exit 0; }
printf 'seen %s\\n' "$(find "$folder" -type f -mmin "-$minutes" 2>/dev/null | wc -l)"`;

/** stdin: the caches of an origin and of a build-index, minutes. stdout: a line for each blob and each tag, and a last one. */
const acknowledgedProgram = `set -e; IFS= read -r origin; IFS= read -r tags; IFS= read -r minutes
if [ -d "$origin" ]; then find "$origin" -type f -name data -mmin "-$minutes" -printf 'blob %h\\n' | sed 's,^blob .*/,blob ,'; fi
if [ -d "$tags" ]; then find "$tags" -type f -name data -mmin "-$minutes" -printf '%P\\n' | while IFS= read -r file; do
  printf 'tag %s %s\\n' "$(cat "$tags/$file")" "\${file%/data}"
done; fi
echo end`;

export function createTraffic(ssh: SshConnection, sudo: string): Traffic {
  const ask = async (program: string, input: string) => {
    const { stdout } = await ssh.exec(asProgram(sudo, program), { input });
    return readCount(stdout.toString());
  };
  return {
    towards: (targets) => ask(connectionsProgram, `( ${targets.map(filterOf).join(' or ')} )\n`),
    recentFiles: (folder, seconds) => ask(recentProgram, `${folder}\n${seconds / 60}\n`),
    async acknowledged({ origin, buildIndex, seconds }) {
      const input = `${origin}\n${buildIndex}\n${seconds / 60}\n`;
      const { stdout } = await ssh.exec(asProgram(sudo, acknowledgedProgram), { input });
      return readAcknowledged(stdout.toString());
    },
  };
}

/** Addresses of a spec hold letters, digits, dots and dashes alone. */
function filterOf({ address, port }: ReachTarget): string {
  return `dst ${address}:${port}`;
}

/** @throws {Error} for any other answer: no count is not none. */
export function readCount(text: string): number {
  const [, count] = /^seen (\d+)$/m.exec(text.trim()) ?? [];
  if (count === undefined) throw new Error(`expected a count, was given ${JSON.stringify(text.slice(0, 200))}`);
  return Number(count);
}

/** @throws {Error} where the last line is missing: a list that was cut is none. */
export function readAcknowledged(text: string): Acknowledged {
  const lines = text.split('\n').filter(Boolean);
  if (lines.pop() !== 'end') throw new Error('the list of what was taken in was cut');
  const blobs = lines.flatMap((line) => /^blob ([0-9a-f]{64})$/.exec(line)?.slice(1) ?? []);
  const tags = lines.flatMap((line) => {
    const [, digest, name] = /^tag (sha256:[0-9a-f]{64}) (.+)$/.exec(line) ?? [];
    return digest && name ? [{ name, digest }] : [];
  });
  return { blobs, tags };
}
