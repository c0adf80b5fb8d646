// What benches of whole deploys share: a lab of its own, krakenctl as a person runs it, and what is given to its peers.
import { execFileSync, spawnSync } from 'node:child_process';
import { appendFileSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { homedir, tmpdir } from 'node:os';
import { join } from 'node:path';
import { on } from './observe.mjs';

const here = import.meta.dirname ?? new URL('.', import.meta.url).pathname;
export const root = join(here, '..', '..');
const state = join(homedir(), '.local', 'state', 'krakenctl-bench');
process.env.KRAKENCTL_STATE_DIR = state;
export const lab = createRequire(import.meta.url)(join(root, 'dist', 'lab', 'lab.js'));
export const data = mkdtempSync(join(tmpdir(), 'krakenctl-bench-'));
const { PATH, HOME, LANG } = process.env;
const plain = { PATH, HOME, LANG, NO_COLOR: '1', CI: 'true', KRAKENCTL_STATE_DIR: state };

const temporalPort = 27233;
export const temporalAddress = `127.0.0.1:${temporalPort}`;

export const say = (text) => process.stderr.write(` ▸ ${text}\n`);

export function run(argv, env = {}) {
  const started = performance.now();
  const result = spawnSync(argv[0], argv.slice(1), { cwd: data, env: { ...plain, ...env }, maxBuffer: 1e9 });
  const ms = Math.round(performance.now() - started);
  if (result.status !== 0)
    throw new Error(`${argv.join(' ')} exited ${result.status}\n${result.stdout}\n${result.stderr}`.slice(-4000));
  return { ms, stdout: String(result.stdout) };
}

export const krakenctl = (...args) => run([process.execPath, join(root, 'bin', 'krakenctl'), ...args]);

/** Three hosts with their images and Python, a `.env`, Temporal and a worker. */
export async function openStage({ images, versions }) {
  say('lab with three hosts and their images');
  const up = await lab.labUp({ name: 'bench', nodes: 3, vms: 0, images, krakenVersions: versions });
  await lab.resetLab(up);
  await lab.preloadImages(up, { versions });
  say('python on the hosts, which Ansible needs (not timed)');
  for (const { container } of up.hosts) {
    on(container, [
      'sh',
      '-c',
      'python3 -c "import docker" 2>/dev/null || (apt-get update -qq && apt-get install -y -qq --no-install-recommends python3 python3-docker python3-requests) >/dev/null 2>&1',
    ]);
  }
  writeEnv(up);
  krakenctl('temporal', 'up', '--port', String(temporalPort));
  krakenctl('worker', 'start');
  return up;
}

export function writeEnv(up, changes = {}) {
  const entries = Object.entries({ ...lab.labEnv(up), ...changes });
  writeFileSync(join(data, '.env'), entries.map(([k, v]) => `${k}=${v}\n`).join(''));
}

export async function closeStage() {
  for (const words of [
    ['worker', 'stop'],
    ['temporal', 'down', '--purge', '--yes'],
  ])
    spawnSync(process.execPath, [join(root, 'bin', 'krakenctl'), ...words], { env: plain });
  await lab.labDown('bench').catch((error) => say(error.message));
  rmSync(data, { recursive: true, force: true });
}

export const loginOf = (up) => ({ KEY: up.ssh.keyPath, KNOWN: up.ssh.knownHostsPath });

export const ansibleOf = (up) => ({
  ANSIBLE_PIPELINING: 'True',
  ANSIBLE_FORKS: '20',
  ANSIBLE_REMOTE_USER: 'root',
  ANSIBLE_PRIVATE_KEY_FILE: up.ssh.keyPath,
  ANSIBLE_LOCALHOST_WARNING: 'False',
  ANSIBLE_PYTHON_INTERPRETER: '/usr/bin/python3',
  ANSIBLE_SSH_ARGS: `-o ControlMaster=auto -o ControlPersist=60s -o UserKnownHostsFile=${up.ssh.knownHostsPath}`,
});

/** A container as the playbooks take it. */
export const ansibleContainer = ({ create: { name, Image, Cmd, HostConfig: h } }) => ({
  name,
  image: Image,
  command: Cmd,
  binds: h.Binds,
  tmpfs: Object.keys(h.Tmpfs),
  memory: String(h.Memory),
  capAdd: h.CapAdd,
  securityOpts: h.SecurityOpt,
  readOnly: h.ReadonlyRootfs,
  pidsLimit: h.PidsLimit,
  log: h.LogConfig.Config,
});

/** `sha256sum`'s lines: paths by sum. */
export const linesOf = (sums) => sums.split('\n').filter(Boolean);

export function firstDifference(a, b) {
  let i = 0;
  while (a[i] === b[i]) i += 1;
  return `${a.slice(Math.max(0, i - 60), i + 60)} | ${b.slice(Math.max(0, i - 60), i + 60)}`;
}

export const median = (list) => [...list].sort((a, b) => a - b)[Math.floor(list.length / 2)];

export const commitOf = () => execFileSync('git', ['-C', root, 'rev-parse', '--short', 'HEAD']).toString().trim();

/** The last line; kept in docs/evidence when asked for. */
export function finish(line, { record, file }) {
  if (record) appendFileSync(join(root, 'docs', 'evidence', file), `${JSON.stringify(line)}\n`);
  console.log(JSON.stringify(line));
  process.exit(Object.keys(line.failed).length === 0 ? 0 : 1);
}
