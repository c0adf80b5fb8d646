import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import {
  appendFileSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { krakenPullScript } from '../../../../src/cluster/render/agent/kraken-pull';

/** A machine with kraken-pull, where docker and curl are scripts that play a scene and note what they were asked. */
export const addresses = { agent: '127.0.0.1:8080', relays: ['127.0.0.1:8095', '127.0.0.1:8096'] };
export const [agent, firstRelay, secondRelay] = [addresses.agent, ...addresses.relays] as [string, string, string];

export const settings = `# by krakenctl
CLUSTER=demo
VERSION=0.1.0
AGENT=${agent}
LOAD_BALANCERS=10.0.1.10:5000 10.0.1.11:5000
RELAYS=${firstRelay} ${secondRelay}
`;

export const imageId = `sha256:${'1'.repeat(64)}`;

export interface Manifest {
  text: string;
  digest: string;
}

export function makeManifest(word: string): Manifest {
  const text = `{"schemaVersion": 2, "word": "${word}"}`;
  return { text, digest: `sha256:${createHash('sha256').update(text).digest('hex')}` };
}

const curl = `#!/bin/sh
for word in "$@"; do [ "\${previous-}" = --output ] && body=$word; previous=$word url=$word; done
echo "curl \${url#http://}" >>"$SCENE/calls"
printf '%s\\n' "$@" >>"$SCENE/curl-words"
answer=$SCENE/http/$(printf '%s' "\${url#http://}" | tr / +)
[ -f "$answer" ] || { echo 'curl: (7) Failed to connect: Connection refused' >&2; exit 7; }
tail -n +2 "$answer" >"$body"
head -n 1 "$answer" | tr -d '\\n'
`;

const docker = `#!/bin/sh
echo "docker $*" >>"$SCENE/calls"
fail_as_told() { [ ! -f "$SCENE/$1" ] || { cat "$SCENE/$1" >&2; exit 1; }; }
hang() {
  echo "$pulled" >>"$SCENE/names"
  trap 'kill "$!"; echo TERM >"$SCENE/told"; exit 143' TERM
  sleep 60 >/dev/null 2>&1 &
  echo $$ >"$SCENE/hanging"
  wait "$!"
}
touch "$SCENE/names"
pulled=\${2-}
case $1 in
  version) fail_as_told docker-version; echo 28.0.0 ;;
  pull)
    echo 'Pulling fs layer'
    [ ! -f "$SCENE/docker-hangs" ] || { hang; }
    fail_as_told "pull-\${2%%/*}"
    echo "$2" >>"$SCENE/names" ;;
  image)
    if [ -f "$SCENE/taken-away" ] && grep -q "^docker pull" "$SCENE/calls"; then rm "$SCENE/taken-away"; grep -Fvx "$5" "$SCENE/names" >"$SCENE/others"; mv "$SCENE/others" "$SCENE/names"; fi
    grep -Fqx "$5" "$SCENE/names" || { echo "Error: No such image: $5" >&2; exit 1; }
    if [ -f "$SCENE/digests" ]; then cat "$SCENE/digests"; else printf '%s ["%s"]\\n' ${imageId} "$5"; fi ;;
  tag) fail_as_told docker-tag; echo "$3" >>"$SCENE/names" ;;
  rmi)
    grep -Fqx "$2" "$SCENE/names" || exit 1
    grep -Fvx "$2" "$SCENE/names" >"$SCENE/others"; mv "$SCENE/others" "$SCENE/names" ;;
esac
`;

/** All that it needs beside docker and curl: nothing else is found on the machine. */
const programs = 'awk cat cut date grep head id mktemp mv rm sed sha256sum sh sleep tail touch tr'.split(' ');

export interface Ended {
  status: number | null;
  out: string;
  err: string;
}

export class PullingMachine {
  readonly folder = mkdtempSync(join(tmpdir(), 'kraken-pull-test-'));
  private readonly script = this.write('kraken-pull', krakenPullScript);

  constructor() {
    for (const name of ['bin', 'http', 'tmp']) mkdirSync(join(this.folder, name));
    for (const program of programs) symlinkSync(findProgram(program), join(this.folder, 'bin', program));
    this.write('bin/curl', curl, 0o755);
    this.write('bin/docker', docker, 0o755);
    this.write('settings', settings);
  }

  write(name: string, text: string, mode = 0o644): string {
    const path = join(this.folder, name);
    writeFileSync(path, text, { mode });
    return path;
  }

  /** What a registry answers to one question; what it was not told, it refuses to hear. */
  serve(address: string, path: string, answer: Manifest | number): void {
    const [repository, reference] = path.split(/[:@](.*)/s);
    const text = typeof answer === 'number' ? `${answer}\n{"errors": []}` : `200\n${answer.text}`;
    this.write(`http/${`${address}/v2/${repository}/manifests/${reference}`.replaceAll('/', '+')}`, text);
  }

  has(name: string): void {
    appendFileSync(join(this.folder, 'names'), `${name}\n`);
  }

  remove(name: string): void {
    rmSync(join(this.folder, name));
  }

  run(...words: string[]): Ended {
    const { status, stdout, stderr } = spawnSync('sh', [this.script, ...words], {
      env: this.environment,
      encoding: 'utf8',
    });
    return { status, out: stdout, err: stderr };
  }

  start(...words: string[]): ChildProcess {
    return spawn('sh', [this.script, ...words], { env: this.environment, stdio: ['ignore', 'pipe', 'pipe'] });
  }

  /** The names that Docker has. */
  get names(): string[] {
    return this.lines('names');
  }

  get calls(): string[] {
    return this.lines('calls');
  }

  get left(): string[] {
    return readdirSync(join(this.folder, 'tmp'));
  }

  lines(name: string): string[] {
    const path = join(this.folder, name);
    return existsSync(path) ? readFileSync(path, 'utf8').split('\n').slice(0, -1) : [];
  }

  private get environment() {
    return {
      PATH: join(this.folder, 'bin'),
      SCENE: this.folder,
      TMPDIR: join(this.folder, 'tmp'),
      KRAKEN_PULL_CONFIG: join(this.folder, 'settings'),
      http_proxy: 'http://192.0.2.1:3128',
    };
  }

  dispose(): void {
    rmSync(this.folder, { recursive: true });
  }
}

function findProgram(name: string): string {
  const folder = ['/usr/bin', '/bin'].find((it) => existsSync(join(it, name)));
  if (!folder) throw new Error(`this test needs ${name}`);
  return join(folder, name);
}
