import type { ClientChannel } from 'ssh2';
import type { MachineFacts, Reach } from '../cluster/preflight/facts';
import { HostUnreachableError } from './errors';
import { asProgram } from './files';
import type { Listening, MachineQuery, ReachTarget } from './host';
import type { SshConnection } from './ssh';

/** Looks at a host without changing it; program texts are constant, values travel on stdin. */

const factsProgram = `IFS= read -r cluster; IFS= read -r ports; IFS= read -r folders; IFS= read -r settings
say() { printf '%s\\t%s\\n' "$1" "$2"; }
say clock "$(date +%s%3N)"
say memory "$(awk '/^MemTotal:/ {printf "%.0f", $2 * 1024}' /proc/meminfo)"
say cpus "$(nproc)"
for program in flock sync sha256sum xargs mktemp stat find sed awk ss perl; do command -v "$program" >/dev/null 2>&1 || say missing "$program"; done
for folder in $folders; do
  at=$folder; while [ ! -d "$at" ]; do at=$(dirname -- "$at"); done
  say disk "$folder $(df -Pk -- "$at" | awk 'NR == 2 {print $4, $5 + 0}') $(df -Pi -- "$at" | awk 'NR == 2 {print $5 + 0, ($2 > 0 ? $4 : "-")}')"
done
for name in $settings; do
  case $name in
    transparent_hugepage) f=/sys/kernel/mm/transparent_hugepage/enabled;;
    *) f=/proc/sys/$(printf %s "$name" | tr . /);;
  esac
  [ -r "$f" ] && say setting "$name $(cat "$f")"
done
ss -Hltnp 2>/dev/null | awk -v wanted=" $ports " '{
  n = split($4, a, ":"); port = a[n]; if (!index(wanted, " " port " ")) next
  pid = ""; name = ""; if (match($0, /\\(\\("[^"]*",pid=[0-9]+/)) { s = substr($0, RSTART + 3, RLENGTH - 3); split(s, b, "\\",pid="); name = b[1]; pid = b[2] }
  print port, pid, name }' | sort -u | while read -r port pid name; do
  id=""; [ -n "$pid" ] && id=$(sed -n 's,.*[-/]\\([0-9a-f]\\{64\\}\\).*,\\1,p' "/proc/$pid/cgroup" 2>/dev/null | head -n 1)
  say listen "$port \${pid:--} \${id:--} $name"
done
say clock "$(date +%s%3N)"
for f in "/etc/kraken/$cluster"/*; do case $f in */firewall) [ -e "$f/rules.nft" ] && say firewall yes;; *) [ -e "$f" ] && say files yes;; esac; done
[ -e "/var/lib/krakenctl/$cluster/state.json" ] && say record yes
:`;

export async function askMachine(ssh: SshConnection, sudo: string, query: MachineQuery): Promise<MachineFacts> {
  const input = [query.cluster, query.ports.join(' '), query.folders.join(' '), query.settings.join(' '), ''].join(
    '\n',
  );
  const before = Date.now();
  const { stdout } = await ssh.exec(asProgram(sudo, factsProgram), { input });
  return parseMachine(stdout.toString(), (before + Date.now()) / 2);
}

const figure = (text: string | undefined) => (text === undefined || text === '' ? Number.NaN : Number(text));

export function parseMachine(text: string, ourClockMs: number): MachineFacts {
  const rows = text.split('\n').flatMap((line) => {
    const tab = line.indexOf('\t');
    return tab < 0 ? [] : [{ key: line.slice(0, tab), value: line.slice(tab + 1) }];
  });
  const all = (key: string) => rows.filter((row) => row.key === key).map((row) => row.value);
  const number = (key: string) => Number(all(key)[0] ?? Number.NaN);
  const clocks = all('clock').map(Number);
  return {
    // Read first and last: the middle of both is the middle of the call, however long it took.
    clockOffsetMs: Math.round(clocks.reduce((sum, ms) => sum + ms, 0) / clocks.length - ourClockMs),
    memoryBytes: number('memory'),
    cpus: number('cpus'),
    disks: all('disk').map((value) => {
      const [folder = '', kib, used, inodes, inodesFree] = value.split(' ');
      return {
        folder,
        // A mount that does not answer has no figures, and is judged by none.
        availableBytes: figure(kib) * 1024,
        usedPercent: Number(used),
        inodesUsedPercent: Number(inodes),
        ...(inodesFree && inodesFree !== '-' && { inodesFree: Number(inodesFree) }),
      };
    }),
    settings: Object.fromEntries(
      all('setting').map((value) => [value.split(' ', 1)[0]!, value.slice(value.indexOf(' ') + 1)]),
    ),
    missingPrograms: all('missing'),
    listeners: all('listen').map((value) => {
      const [port, pid, id, ...name] = value.split(' ');
      const known = (word: string | undefined) => (word === '-' || word === '' ? undefined : word);
      return {
        port: Number(port),
        pid: known(pid) ? Number(pid) : undefined,
        containerId: known(id),
        program: known(name.join(' ')),
      };
    }),
    hasFiles: all('files').length > 0,
    hasFirewall: all('firewall').length > 0,
    hasRecord: all('record').length > 0,
  };
}

/** stdin: a word to answer with, ports; then it stays open. Answers whoever connects to a port that was free. Ends with its stdin, at the latest after 30 s. */
const listenProgram = `exec perl -MIO::Socket::INET -MIO::Select -e 'alarm 30; $| = 1; my $word = <STDIN>; my @ports = split " ", scalar <STDIN>; my $all = IO::Select->new(\\*STDIN); for my $port (@ports) { my $s = IO::Socket::INET->new(LocalPort => $port, Listen => 64, ReuseAddr => 1) or next; $all->add($s); print "open $port\\n" } print "READY\\n"; while (1) { for my $r ($all->can_read) { exit 0 if $r == \\*STDIN; my $c = $r->accept or next; print $c $word; close $c } }'`;

/** stdin: lines of address and port, then nothing. stdout: the line and what came of it. All at once, each within 2 s. */
const reachProgram = `exec perl -MIO::Socket::INET -e 'my @all = <STDIN>; for my $line (@all) { chomp $line; next if fork; my ($a, $p) = split " ", $line; my $s = IO::Socket::INET->new(PeerAddr => $a, PeerPort => $p, Timeout => 2); my $why = $s ? "" : ($!{ECONNREFUSED} ? "refused" : "silent"); if ($s) { my $word = ""; local $SIG{ALRM} = sub { die }; eval { alarm 1; $word = <$s> // ""; alarm 0 }; chomp $word; $why = "open $word" } print "$line $why\\n"; exit 0 } 1 while wait > 0'`;

/** @throws {HostUnreachableError} when the listener did not come to run. */
export async function listenOn(ssh: SshConnection, word: string, ports: number[]): Promise<Listening> {
  const header = `${word}\n${ports.join(' ')}\n`;
  const { listening } = await ssh.session(asProgram('', listenProgram), (channel) => ({
    listening: whenListening(channel, ssh.host, header),
  }));
  return listening;
}

function whenListening(channel: ClientChannel, host: string, header: string): Promise<Listening> {
  return new Promise((resolve, reject) => {
    let text = '';
    channel.on('data', (chunk: Buffer) => {
      text += chunk.toString();
      if (!text.includes('READY')) return;
      const ports = [...text.matchAll(/open (\d+)/g)].map(([, port]) => Number(port));
      resolve({ ports, stop: () => channel.end() });
    });
    channel.on('error', () => undefined);
    channel.on('close', () => reject(new HostUnreachableError(`${host}: ports could not be listened on`, host)));
    channel.stderr.resume();
    channel.write(header);
  });
}

/** What came of each try; `word` is what the other side said. */
export async function tryPorts(
  ssh: SshConnection,
  targets: ReachTarget[],
): Promise<(ReachTarget & { result: 'open' | 'refused' | 'silent'; word: string })[]> {
  if (targets.length === 0) return [];
  const input = targets.map(({ address, port }) => `${address} ${port}\n`).join('');
  const { stdout } = await ssh.exec(asProgram('', reachProgram), { input });
  return stdout
    .toString()
    .split('\n')
    .filter(Boolean)
    .map((line) => {
      const [address = '', port, result, ...word] = line.split(' ');
      return { address, port: Number(port), result: result as Reach['result'] as 'open', word: word.join(' ') };
    });
}

/** stdin: name, value. Kept for the next start first, since what reads as set is not looked at again; then set now, and read back. */
const settingProgram = `set -e; umask 022; IFS= read -r name; IFS= read -r value
case $name in
  transparent_hugepage) f=/sys/kernel/mm/transparent_hugepage/enabled; keep=/etc/tmpfiles.d/krakenctl-$name.conf; line="w $f - - - - $value";;
  *) f=/proc/sys/$(printf %s "$name" | tr . /); keep=/etc/sysctl.d/60-krakenctl-$name.conf; line="$name = $value";;
esac
mkdir -p "$(dirname "$keep")"; printf '%s\\n' "$line" > "$keep.next"; sync "$keep.next"; mv -f "$keep.next" "$keep"; sync "$(dirname "$keep")"
printf '%s\\n' "$value" > "$f"
cat "$f"`;

/** Resolves with the value as the kernel has it afterwards. */
export async function setKernel(
  ssh: SshConnection,
  sudo: string,
  { setting, value }: { setting: string; value: string },
): Promise<string> {
  const { stdout } = await ssh.exec(asProgram(sudo, settingProgram), { input: `${setting}\n${value}\n` });
  return stdout.toString().trim();
}
