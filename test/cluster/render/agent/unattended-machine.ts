import { spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import {
  appendFileSync,
  chmodSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { type AgentRelease, agentRelease } from '../../../../src/cluster/agents/release';
import { installScript } from '../../../../src/cluster/render/agent/install';
import { exampleSpec } from '../../../support/cluster';

/** Whom a curl of the test takes for the cluster's. */
export const ownAuthority = '-----BEGIN CERTIFICATE-----\nown\n-----END CERTIFICATE-----\n';

export const balancers = ['10.0.1.10', '10.0.1.11', '10.0.1.12'] as const;
export type Balancer = (typeof balancers)[number];
export const releaseOf = (letter: string) => letter.repeat(16);

export interface Served {
  /** A letter stands for a release. */
  release: string;
  epoch?: number;
  turns?: string[];
  sentinel?: string;
  dismissed?: string;
}

/** Everything of a machine that the scripts talk to, as small programs over files; what they change are real files below one folder. */
const programs: Record<string, string> = {
  curl: `out=; put=
while [ $# -gt 0 ]; do
  case $1 in -o) out=$2; shift ;; -T) put=$2; shift ;; -m | --retry) shift ;; -*) ;; *) url=$1 ;; esac; shift
done
case $url in
  http://127.0.0.1:*) [ -e "$MACHINE/ready-$(basename "$(readlink "$MACHINE/etc/kraken/cluster/agent")")" ] || exit 22; exit 0 ;;
esac
path=$MACHINE/balancers/\${url#http://}
there=\${url#http://}; [ -d "$MACHINE/balancers/\${there%%/*}" ] || exit 7
if [ -n "$put" ]; then cp "$put" "$path"; exit; fi
[ -f "$path" ] || path=$path.file
[ -f "$path" ] || exit 22
echo "$url" >> "$MACHINE/fetched"
if [ -n "$out" ]; then cp "$path" "$out"; else cat "$path"; fi`,
  docker: `case "$1 $2" in
"version --format") echo amd64 ;;
"inspect --format") echo "false none" ;;
"image rm") shift 2; echo "$*" >> "$MACHINE/removed" ;;
esac`,
  'kraken-pull': 'echo "$*" >> "$MACHINE/pulls"; cat "$MACHINE/pulled"',
  'systemd-run': 'echo "$*" >> "$MACHINE/units"',
  id: 'echo 0',
  flock: 'exit 0',
  sleep: 'exit 0',
  // A disk that others write to takes seconds for each file.
  sync: 'exit 0',
  ...Object.fromEntries(['systemctl', 'ip', 'ss', 'getent'].map((name) => [name, 'exit 0'])),
};

export class UnattendedMachine {
  readonly folder = mkdtempSync(join(tmpdir(), 'krakenctl-unattended-'));
  private readonly base = join(this.folder, 'var/lib/kraken/cluster/agent');
  private readonly link = join(this.folder, 'etc/kraken/cluster/agent');

  private readonly rendered: AgentRelease;

  constructor(
    private readonly spec = exampleSpec(),
    own: Record<string, string> = {},
  ) {
    this.rendered = agentRelease(spec, `sha256:${'a'.repeat(64)}`, { owner: 'owner', trusted: ownAuthority });
    for (const [name, text] of Object.entries({ ...programs, ...own }))
      this.write(`bin/${name}`, `#!/bin/sh\n${text}\n`);
    for (const folder of ['run/systemd/system', 'etc/systemd/system', 'var/log/kraken', 'tmp'])
      mkdirSync(join(this.folder, folder), { recursive: true });
    this.pulls({ ok: true });
  }

  remove(): void {
    rmSync(this.folder, { recursive: true });
  }

  private write(path: string, contents: string | Buffer): void {
    const full = join(this.folder, path);
    mkdirSync(dirname(full), { recursive: true });
    writeFileSync(full, contents);
    chmodSync(full, 0o755);
  }

  read(path: string): string {
    const full = join(this.folder, path);
    return existsSync(full) ? readFileSync(full, 'utf8') : '';
  }

  /** Absolute paths lead below the machine's folder. */
  private placed(text: string): string {
    const roots = 'var/lib/kraken|etc/kraken|etc/systemd|usr/local/bin|var/log/kraken|run/krakenctl|run/systemd';
    return text.replaceAll(new RegExp(`(?<![\\w.$}])/(${roots})`, 'g'), `${this.folder}/$1`);
  }

  /** What one load balancer has from now on. */
  serve(
    balancer: Balancer,
    { release: letter, epoch, turns = ['all'], sentinel = 'canary@sha256:1', dismissed = '' }: Served,
  ) {
    const id = releaseOf(letter);
    const folder = `balancers/${balancer}:5000`;
    const activate = `ln -sfn "${this.base}/releases/${id}" "${this.link}"; echo ${letter} >> "${this.folder}/activated"`;
    this.write(`tmp/${letter}/activate`, activate);
    const files = join(this.folder, 'tmp', letter);
    if (!existsSync(join(files, 'release.tar')))
      this.sh(`cd ${files} && sha256sum activate > sums && tar -cf release.tar activate sums`);
    const release: AgentRelease = { ...this.rendered, id };
    const parts: Record<string, string | Buffer> = {
      desired: `image sha256:${letter}\narchitecture amd64\nrelease ${id}\n`,
      'image.tar': letter,
      'release.tar': readFileSync(join(files, 'release.tar')),
    };
    const sums = Object.entries(parts).map(
      ([name, part]) => `${createHash('sha256').update(part).digest('hex')} ${name} ${part.length}\n`,
    );
    const all: Record<string, string | Buffer> = {
      ...parts,
      sums: sums.join(''),
      whoami: '10.0.2.8\n',
      dismissed,
      turns: `sentinel ${sentinel}\n${turns.map((line) => `${line}\n`).join('')}`,
      ...(epoch !== undefined && { epoch: `${epoch}\n` }),
    };
    rmSync(join(this.folder, folder), { recursive: true, force: true });
    for (const [name, contents] of Object.entries(all)) this.write(`${folder}/install/${name}`, contents);
    // What is a file there and a folder here.
    this.write(`${folder}/install.file`, this.placed(installScript(this.spec, release)));
  }

  serveAll(served: Served): void {
    for (const balancer of balancers) this.serve(balancer, served);
  }

  away(balancer: Balancer): void {
    rmSync(join(this.folder, 'balancers', `${balancer}:5000`), { recursive: true, force: true });
  }

  /** Agents of these releases get ready here. */
  getsReady(...letters: string[]): void {
    for (const letter of letters) this.write(`ready-${releaseOf(letter)}`, '');
  }

  /** What kraken-pull answers from now on. */
  pulls({ ok, via = 'agent' }: { ok: boolean; via?: string }): void {
    this.write('pulled', `${JSON.stringify({ ok, image: 'i', reference: 'r', digest: 'd', via })}\n`);
  }

  /** As the install script left it. */
  carries(letter: string, epoch?: number): void {
    const folder = join(this.base, 'releases', releaseOf(letter));
    mkdirSync(folder, { recursive: true });
    const activate = `ln -sfn "${folder}" "${this.link}"; echo ${letter} >> "${this.folder}/activated"`;
    writeFileSync(join(folder, 'activate'), activate);
    mkdirSync(dirname(this.link), { recursive: true });
    symlinkSync(folder, this.link);
    for (const [name, text] of Object.entries({ unattended: '', ...(epoch !== undefined && { epoch: `${epoch}\n` }) }))
      writeFileSync(join(this.base, name), text);
    this.getsReady(letter);
  }

  private sh(text: string) {
    const env = { PATH: `${join(this.folder, 'bin')}:${process.env.PATH}`, MACHINE: this.folder };
    const { stdout, stderr, status } = spawnSync('sh', ['-c', text], { env });
    return { stdout: `${stdout}`, stderr: `${stderr}`, status };
  }

  /** The timer has gone off. */
  look() {
    const update = this.rendered.files.find(({ path }) => path === 'update')!.contents;
    this.write('tmp/update', this.placed(update));
    return this.sh(`sh ${this.folder}/tmp/update`);
  }

  /** A person has typed the line of the documentation. */
  install(balancer: Balancer, words = '', from = words.includes('--token') ? 'token' : '') {
    const login = from && ` -K ${this.folder}/${from}`;
    const placed = words.replace('--token', `--token ${this.folder}/token`);
    if (this.spec.tls) this.write('ca.crt', ownAuthority);
    const asked = this.spec.tls ? ` --cacert ${this.folder}/ca.crt https` : ' http';
    return this.sh(`curl -fsSL${login}${asked}://${balancer}:5000/install | sh -s -- ${placed}`);
  }

  /** What the program of the release that takes it away does. */
  leavesBy(text: string): void {
    this.write('left-by', text);
    this.sh(`cp "${this.folder}/left-by" "${this.link}/deactivate"`);
  }

  /** By the text that a load balancer serves, however it came here. */
  uninstall(balancer: Balancer) {
    return this.sh(`sh "${this.folder}/balancers/${balancer}:5000/install.file" --uninstall`);
  }

  get runs(): string {
    const { stdout } = this.sh(`basename "$(readlink ${this.link})"`);
    return stdout.trim().slice(0, 1);
  }

  /** Letters of the releases that were made the current one, in order. */
  get activated(): string {
    return this.read('activated').replaceAll('\n', '');
  }

  said(balancer: Balancer): string[] {
    return this.read(`balancers/${balancer}:5000/install/enrol`)
      .split('\n')
      .filter((line) => !/^(host|kernel|$)/.test(line));
  }

  forget(path: string): void {
    rmSync(join(this.folder, path), { force: true });
  }

  note(path: string, text: string): void {
    appendFileSync(join(this.folder, path), text);
  }
}
