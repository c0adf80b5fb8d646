import { pack } from 'tar-stream';
import type { CredentialMark } from '../cluster/auth/credentials';
import { OutcomeUnknownError } from './errors';
import { asProgram, underEffectLock } from './files';
import type { CredentialStore } from './host';
import type { SshConnection } from './ssh';

/** Hashes by which the NGINX of a load balancer tells who comes. Constant programs; values travel on stdin. */

/** NGINX's workers read them, and nobody else but root; `nobody` has this number in every image. */
const reader = 65534;

/**
 * stdin: cluster, generations of the two records, sum, a line each; then the files as tar. Each takes its place by a rename, the mark last: where it was cut,
 * there is none. What is of a newer record stays. stdout: `same`, `newer` or `written`.
 */
const writeProgram = `${underEffectLock}set -e; LC_ALL=C; export LC_ALL
IFS= read -r cluster; IFS= read -r auth; IFS= read -r fleet; IFS= read -r sum
d=/etc/kraken/$cluster/nginx/auth; umask 022; mkdir -p "$d"; t=$(mktemp -d "$d/.new.XXXXXXXX"); trap 'rm -rf -- "$t"' EXIT
tar -xf - -C "$t" --no-same-owner
whole() { [ -f "$d/mark" ] && (cd "$d" && sha256sum --quiet --check sums) > /dev/null 2>&1; }
exec 6>> "/run/krakenctl/$cluster.credentials"; flock 6
now=$(cat "$d/mark" 2> /dev/null || echo 0 0 none)
if whole && [ "$now" = "$auth $fleet $sum" ]; then echo same; exit 0; fi
set -- $now
if whole && { [ "$1" -gt "$auth" ] || [ "$2" -gt "$fleet" ]; }; then echo newer; exit 0; fi
(cd "$t" && sha256sum pull push agents enrol > sums); echo "$auth $fleet $sum" > "$t/mark"
(cd "$t" && chown ${reader}:0 pull push agents enrol && chmod 400 pull push agents enrol); chmod 644 "$t/sums" "$t/mark"
find "$t" -type f -exec sync {} +
rm -f "$d/mark"; for f in pull push agents enrol sums mark; do mv -f -T -- "$t/$f" "$d/$f"; done; sync "$d"
whole && [ "$(cat "$d/mark")" = "$auth $fleet $sum" ] && echo written`;

/** stdin: cluster. stdout: the mark of files that are whole and that others cannot read. */
const lookProgram = `LC_ALL=C; export LC_ALL; IFS= read -r cluster; cd "/etc/kraken/$cluster/nginx/auth" 2> /dev/null || exit 0
sha256sum --quiet --check sums > /dev/null 2>&1 || exit 0
[ -z "$(find pull push agents enrol ! -perm 400 -o ! -uid ${reader})" ] || exit 0
cat mark 2> /dev/null || :`;

export function createCredentialStore(ssh: SshConnection, sudo: string): CredentialStore {
  return {
    async write(cluster, { mark, files }) {
      const archive = pack();
      const mtime = new Date(0);
      for (const [name, text] of Object.entries(files)) archive.entry({ name, mode: 0o600, mtime }, text);
      archive.finalize();
      const chunks: Buffer[] = [Buffer.from(`${cluster}\n${mark.auth}\n${mark.fleet}\n${mark.sum}\n`)];
      for await (const chunk of archive) chunks.push(chunk as Buffer);
      const { stdout } = await ssh.exec(asProgram(sudo, writeProgram), { input: Buffer.concat(chunks) });
      const said = stdout.toString().trim();
      if (said === 'same' || said === 'newer' || said === 'written') return said;
      throw new OutcomeUnknownError(`${ssh.host}: hashes of logins were written and do not read back`, ssh.host);
    },
    async look(cluster) {
      const { stdout } = await ssh.exec(asProgram(sudo, lookProgram), { input: `${cluster}\n` });
      return parseMark(stdout.toString());
    },
  };
}

function parseMark(text: string): CredentialMark | undefined {
  const [, auth, fleet, sum] = /^(\d{1,15}) (\d{1,15}) ([0-9a-f]{64})$/.exec(text.trim()) ?? [];
  return sum === undefined ? undefined : { auth: Number(auth), fleet: Number(fleet), sum };
}
