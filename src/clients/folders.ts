import { folderRoots } from '../cluster/names';
import type { ObservedFolder } from '../cluster/observed';
import { FolderRefusedError, OutcomeUnknownError, RemoteCommandError } from './errors';
import { asProgram, underEffectLock } from './files';
import type { HostFolders } from './host';
import type { SshConnection } from './ssh';

/** Folders of clusters on a host, by constant programs; paths travel on stdin. */

const exitRefused = 78;
/** Millions of files take minutes to remove; the activity's own limit is longer. */
const removeWithinMs = 25 * 60_000;

/** Sets `$a`: the name under which a folder that is being removed lies, so that nobody writes into it any more. No cluster is called so. */
const aside = `d=\${p%/*}; n=\${p##*/}; a="$d/.$n.removing"`;

/** Sets `$k`: what stands in the way of treating `$p` as a folder of ours, or `folder`, or `absent`. */
const judge = `k=absent; if [ -L "$p" ]; then k=link; elif [ -d "$p" ]; then k=folder; elif [ -e "$p" ]; then k=other; elif [ -d "$a" ]; then k=folder; fi; if [ "$k" = folder ] && [ "$(readlink -f -- "$d")" != "$d" ]; then k=link; fi; while read -r _ m _; do case "$m" in "$p"|"$p"/*|"$a"|"$a"/*) k=mounted;; esac; done < /proc/self/mounts`;

/** stdin: a root. stdout: names of the folders in it, each ended by NUL. */
const namesProgram = `IFS= read -r p; [ -d "$p" ] || exit 0; LC_ALL=C find "$p/" -mindepth 1 -maxdepth 1 -type d -name '[a-z0-9]*' -printf '%f\\0'`;

/** stdin: paths, a line each. stdout: kind and size of each, a line each; `-` where counting took too long. */
const measureProgram = `while IFS= read -r p; do ${aside}; ${judge}; b=-; if [ "$k" = folder ]; then set --; for f in "$p" "$a"; do if [ -d "$f" ]; then set -- "$@" "$f"; fi; done; b=$(timeout 5 du -scbx -- "$@" 2>/dev/null | awk '$2 == "total" {print $1}'); fi; echo "$k \${b:--}"; done`;

/**
 * stdin: a path. Refuses what is not a plain folder directly under a root; renames it aside, so that what a later deploy makes
 * under the old name is never met by this removal; removes; looks again. The receipt is `removed` or `absent`.
 */
function removeProgram(roots: string[]): string {
  const known = roots.join('|');
  return `${underEffectLock}set -e; export LC_ALL=C; IFS= read -r p; refuse() { echo "$1" >&2; exit ${exitRefused}; }; ${aside}; case "$d" in ${known}) ;; *) refuse "$p lies under no folder of krakenctl";; esac; case "$n" in ''|[!a-z0-9]*|*[!a-z0-9-]*) refuse "$p is not the name of a cluster";; esac; ${judge}; case "$k" in link) refuse "$p is a link, or lies behind one";; mounted) refuse "a file system is mounted at $p or below";; other) refuse "$p is not a folder";; esac; did=absent; for f in "$a" "$p"; do if [ -d "$f" ]; then did=removed; if [ "$f" = "$p" ]; then mv -T -- "$p" "$a"; fi; rm -rf -- "$a"; fi; done; if [ -e "$p" ] || [ -L "$p" ] || [ -e "$a" ]; then echo "$p is still there" >&2; exit 1; fi; if [ -d "$d" ]; then sync -- "$d"; rmdir -- "$d" 2>/dev/null || :; fi; echo "$did"`;
}

export function createFolders(
  ssh: SshConnection,
  sudo: string,
  roots: string[] = Object.values(folderRoots),
): HostFolders {
  const run = (program: string, input: string, timeoutMs?: number) =>
    ssh.exec(asProgram(sudo, program), { input, timeoutMs });
  const remove = removeProgram(roots);
  return {
    async names(root) {
      const { stdout } = await run(namesProgram, `${plain(root)}\n`);
      return stdout.toString().split('\0').filter(Boolean).sort();
    },
    async measure(paths) {
      const { stdout } = await run(measureProgram, paths.map((path) => `${plain(path)}\n`).join(''));
      const lines = stdout.toString().trimEnd().split('\n');
      if (lines.length !== paths.length)
        throw new OutcomeUnknownError(`${ssh.host}: folders were not all seen`, ssh.host);
      return paths.map((path, i) => parseMeasured(path, lines[i]!));
    },
    async remove(path) {
      const { stdout } = await run(remove, `${plain(path)}\n`, removeWithinMs).catch((error: Error) => {
        if (!(error instanceof RemoteCommandError) || error.exitCode !== exitRefused) throw error;
        throw new FolderRefusedError(`${ssh.host}: ${error.stderrTail.trim()}`, ssh.host, { cause: error });
      });
      const receipt = stdout.toString().trim();
      if (receipt === 'removed' || receipt === 'absent') return { changed: receipt === 'removed' };
      throw new OutcomeUnknownError(
        `${ssh.host}: ${path} was removed but reads back as ${receipt || 'nothing'}`,
        ssh.host,
      );
    },
  };
}

function plain(path: string): string {
  if (/[\n\0]/.test(path)) throw new Error(`a path with a newline is not supported: ${JSON.stringify(path)}`);
  return path;
}

function parseMeasured(path: string, line: string): ObservedFolder {
  const [kind, bytes] = line.split(' ') as [ObservedFolder['kind'], string];
  return bytes === '-' ? { path, kind } : { path, kind, bytes: Number(bytes) };
}
