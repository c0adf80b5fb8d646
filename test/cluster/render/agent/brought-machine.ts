import { spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import {
  appendFileSync,
  chmodSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { basename, dirname, join } from 'node:path';
import { createAgentHost, releaseArchive } from '../../../../src/clients/agent-host';
import { RemoteCommandError } from '../../../../src/clients/errors';
import type { AgentHost, ReleaseArchive } from '../../../../src/clients/host';
import type { SshConnection } from '../../../../src/clients/ssh';
import { type AgentRelease, agentRelease } from '../../../../src/cluster/agents/release';
import { wayPorts } from '../../../../src/cluster/render/agent/gateway';
import type { ClusterSpec } from '../../../../src/cluster/spec';
import { exampleSpec } from '../../../support/cluster';

/** Who listens: a port, a program and its process a line, in $MACHINE/listening. */
const systemctl = `echo "systemctl $*" >> "$MACHINE/calls"
verb=$1; shift; now=; quiet=; names=
for word in "$@"; do case $word in --now) now=yes ;; --quiet) quiet=yes ;; -*) ;; *) names="$names $word" ;; esac; done
units=$MACHINE/etc/systemd/system active=$MACHINE/active
begin() {
  : > "$active/$1"
  case $1 in
  *.socket) sed -n 's/^ListenStream=.*:\\([0-9]*\\)$/\\1 systemd 1/p' "$units/$1" >> "$MACHINE/listening" ;;
  kraken-agent.service)
    release=$(basename "$(readlink "$MACHINE/etc/kraken/cluster/agent")")
    [ ! -e "$MACHINE/broken-$release" ] || return 0
    echo "$release" > "$MACHINE/container"; for p in 8080 8090 8091; do echo "$p kraken-agent 77"; done >> "$MACHINE/listening" ;;
  esac
}
finish() {
  rm -f "$active/$1"
  case $1 in
  *.socket) [ ! -e "$units/$1" ] || drop "$(sed -n 's/^ListenStream=.*:\\([0-9]*\\)$/\\1/p' "$units/$1") systemd" ;;
  kraken-agent.service) rm -f "$MACHINE/container"; drop "[0-9]* kraken-agent" ;;
  esac
}
drop() { grep -v "^$1" "$MACHINE/listening" > "$MACHINE/listening.new"; mv "$MACHINE/listening.new" "$MACHINE/listening"; }
case $verb in
enable) mkdir -p "$units/any.target.wants"; for n in $names; do ln -sf "$units/$n" "$units/any.target.wants/$n"; done ;;
disable) for n in $names; do rm -f "$units/any.target.wants/$n"; [ -z "$now" ] || finish "$n"; done ;;
start) for n in $names; do [ -e "$active/$n" ] || begin "$n"; done ;;
restart) for n in $names; do finish "$n"; begin "$n"; done ;;
stop) for n in $names; do finish "$n"; done ;;
is-active) code=3; for n in $names; do if [ -e "$active/$n" ]; then code=0; word=active; else word=inactive; fi; [ -n "$quiet" ] || echo $word; done; exit $code ;;
esac
exit 0`;

/** Formats in the order in which they name things: what is running first, or whose it is. */
const docker = `echo "docker $1 $2" >> "$MACHINE/calls"
case "$1 $2" in
"image inspect") exit 0 ;;
"inspect --format")
  case "$4" in *-gateway) exit 1 ;; esac
  [ -e "$MACHINE/container" ] || exit 1
  read -r release < "$MACHINE/container"
  case $3 in *State.Status*) echo "container $release running 2026-11-23T00:00:00Z $IMAGE" ;; *) echo "true $release $IMAGE" ;; esac ;;
"ps -aq") ;;
esac`;

const ss = `echo "ss" >> "$MACHINE/calls"
for word in "$@"; do case $word in *:*) port=\${word##*:} ;; esac; done
while read -r p program process; do
  [ "\${port:-$p}" = "$p" ] || continue
  case $1 in *p*) who=" users:((\\"$program\\",pid=$process,fd=3))" ;; *) who= ;; esac
  echo "LISTEN 0 128 127.0.0.1:$p 0.0.0.0:*$who"
done < "$MACHINE/listening"`;

/** Everything of a VM that somebody logs in to; its programs run here, on real files below one folder, over stand-ins of the Engine and of systemd. */
export class BroughtMachine {
  readonly folder = mkdtempSync(join(tmpdir(), 'krakenctl-brought-'));
  readonly base = join(this.folder, 'var/lib/kraken/cluster/agent');
  readonly spec: ClusterSpec = exampleSpec();
  readonly image = agentRelease(this.spec, `sha256:${'a'.repeat(64)}`, { owner: 'owner' }).image.runnable;
  readonly host: AgentHost;

  constructor() {
    for (const folder of ['active', 'run/systemd/system', 'etc/systemd/system', 'var/log/kraken', 'usr/local/bin'])
      mkdirSync(join(this.folder, folder), { recursive: true });
    this.note('listening', '');
    for (const [name, text] of Object.entries({ systemctl, docker, ss, ip: 'exit 0', sync: 'exit 0' }))
      this.program(name, text);
    const exec = async (command: string, { input }: { input: string | Buffer }) => {
      const { stdout, stderr, status } = this.sh(this.placed(command), input);
      if (status !== 0) throw new RemoteCommandError(`${status}: ${stderr}`, 'vm', status ?? -1, stderr);
      return { stdout: Buffer.from(stdout), stderr };
    };
    this.host = createAgentHost({ host: 'vm', exec } as unknown as SshConnection, '');
  }

  remove(): void {
    rmSync(this.folder, { recursive: true });
  }

  program(name: string, text: string): void {
    const path = join(this.folder, 'bin', name);
    mkdirSync(dirname(path), { recursive: true });
    writeFileSync(path, `#!/bin/sh\n${text}\n`);
    chmodSync(path, 0o755);
  }

  /** Absolute paths lead below the machine's folder. */
  placed(text: string): string {
    const roots = 'var/lib/kraken|etc/kraken|etc/systemd|usr/local/bin|var/log/kraken|run/krakenctl|run/systemd|proc';
    return text.replaceAll(new RegExp(`(?<![\\w.$}])/(${roots})(?![\\w-])`, 'g'), `${this.folder}/$1`);
  }

  sh(text: string, input: string | Buffer = '') {
    const env = { PATH: `${join(this.folder, 'bin')}:${process.env.PATH}`, MACHINE: this.folder, IMAGE: this.image };
    const { stdout, stderr, status } = spawnSync('sh', ['-c', text], { env, input });
    return { stdout: `${stdout}`, stderr: `${stderr}`, status };
  }

  note(path: string, text: string): void {
    appendFileSync(join(this.folder, path), text);
  }

  /** A release of this machine, whose paths lead below its folder; `mark` tells it from another. */
  async releaseOf(mark: string, change?: (spec: ClusterSpec) => void): Promise<ReleaseArchive> {
    const rendered = agentRelease(exampleSpec(change), `sha256:${'a'.repeat(64)}`, { owner: 'owner' });
    const files = rendered.files.map((file) => ({ ...file, contents: this.placed(file.contents) }));
    files.push({ path: 'mark', mode: 0o644, contents: mark });
    const sums = files.map(({ path, contents }) => `${sha256(contents)}  ${path}\n`).join('');
    const release: AgentRelease = { ...rendered, id: mark.repeat(16), files, sums };
    return { id: release.id, sumOfSums: sha256(sums), archive: await releaseArchive(release) };
  }

  async bring(release: ReleaseArchive, before?: { release?: string }): Promise<{ changed: boolean }> {
    await this.host.install('cluster', release);
    return this.host.activate('cluster', { release: release.id, owner: 'owner', before });
  }

  look(release: string) {
    const { registry, peer, server } = this.spec.agents.ports;
    const ports = [registry, peer, server];
    return this.host.observe({ cluster: 'cluster', release, image: this.image, ports, ways: wayPorts(this.spec) });
  }

  /** Programs that were started since this was asked last, without their words where they only look. */
  calls(): string[] {
    const path = join(this.folder, 'calls');
    const lines = existsSync(path) ? readFileSync(path, 'utf8').trim().split('\n') : [];
    rmSync(path, { force: true });
    return lines;
  }

  get releases(): string[] {
    const folder = join(this.base, 'releases');
    return existsSync(folder) ? readdirSync(folder).sort() : [];
  }

  get runs(): string | undefined {
    const path = join(this.folder, 'container');
    return existsSync(path) ? readFileSync(path, 'utf8').trim() : undefined;
  }

  get current(): string {
    return basename(this.sh(`readlink ${this.folder}/etc/kraken/cluster/agent`).stdout.trim());
  }

  /** Everything of an agent that is left. */
  get remains(): string[] {
    const found = this.sh(
      `cd ${this.folder} && find etc/kraken* etc/systemd var/lib/kraken* usr/local/bin -name '*kraken*'`,
    );
    return found.stdout.split('\n').filter((line) => line !== '');
  }
}

function sha256(text: string): string {
  return createHash('sha256').update(text).digest('hex');
}
