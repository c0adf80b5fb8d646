// npm run bench:deploy: the last line is JSON, as docs/evidence/bench-deploy.jsonl keeps it.
import { execFileSync, spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { appendFileSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { homedir, tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { describe, on, redisRoles, touchprint } from './observe.mjs';

const { values: options } = parseArgs({
  options: {
    runs: { type: 'string', default: '1' },
    images: { type: 'string', default: 'stand-in' },
    record: { type: 'boolean' },
    yes: { type: 'boolean' },
  },
});
const here = import.meta.dirname ?? new URL('.', import.meta.url).pathname;
const root = join(here, '..', '..');
const state = join(homedir(), '.local', 'state', 'krakenctl-bench');
process.env.KRAKENCTL_STATE_DIR = state;
const lab = createRequire(import.meta.url)(join(root, 'dist', 'lab', 'lab.js'));
const say = (text) => process.stderr.write(` ▸ ${text}\n`);
const data = mkdtempSync(join(tmpdir(), 'krakenctl-bench-'));
const { PATH, HOME, LANG } = process.env;
const plain = { PATH, HOME, LANG, NO_COLOR: '1', CI: 'true', KRAKENCTL_STATE_DIR: state };

function run(argv, env = {}) {
  const started = performance.now();
  const result = spawnSync(argv[0], argv.slice(1), { cwd: data, env: { ...plain, ...env }, maxBuffer: 1e9 });
  const ms = Math.round(performance.now() - started);
  if (result.status !== 0)
    throw new Error(`${argv.join(' ')} exited ${result.status}\n${result.stdout}\n${result.stderr}`.slice(-4000));
  return { ms, stdout: String(result.stdout) };
}

const krakenctl = (...args) => run([process.execPath, join(root, 'bin', 'krakenctl'), ...args]);

const quote = (text) => `'${String(text).replaceAll("'", "'\\''")}'`;

function runArgs({ Image, Cmd, HostConfig: h }) {
  const { Config: log } = h.LogConfig;
  return [
    '--network',
    'host',
    '--restart',
    h.RestartPolicy.Name,
    '--memory',
    h.Memory,
    '--memory-swap',
    h.MemorySwap,
    '--cap-drop',
    'ALL',
    ...(h.NanoCpus > 0 ? ['--cpus', h.NanoCpus / 1e9] : []),
    ...h.CapAdd.flatMap((cap) => ['--cap-add', cap]),
    ...h.Binds.flatMap((bind) => ['-v', bind]),
    ...Object.keys(h.Tmpfs).flatMap((folder) => ['--tmpfs', folder]),
    '--log-driver',
    h.LogConfig.Type,
    ...Object.entries(log).flatMap(([k, v]) => ['--log-opt', `${k}=${v}`]),
    Image,
    ...Cmd,
  ].map(quote);
}

const containersHead = `set -euo pipefail
run() {
  local name=$1 hash=$2
  shift 2
  if [ "$(docker inspect -f '{{.State.Running}} {{index .Config.Labels "bench"}}' "$name" 2>/dev/null)" = "true $hash" ]; then return; fi
  docker rm -f "$name" >/dev/null 2>&1 || true
  docker run -d --name "$name" --label "bench=$hash" "$@" >/dev/null
}
`;

/** The reference deploy, as inputs of every peer. */
function writeInputs(up, description) {
  const nodes = up.hosts.map((host, i) => ({ ...description[i], address: host.address }));
  writeFileSync(join(data, 'description.json'), JSON.stringify({ nodes }));
  writeFileSync(join(data, 'hosts.txt'), nodes.map((n) => `${n.name} ${n.address}\n`).join(''));
  const inventory = {};
  nodes.forEach((node, i) => {
    const folder = join(data, node.name);
    mkdirSync(folder);
    writeFileSync(join(folder, 'files.tar'), on(up.hosts[i].container, ['tar', '-c', '-C', '/', 'etc/kraken']));
    writeFileSync(join(folder, 'files.sum'), node.sums.replaceAll('  /', '  '));
    const lines = node.containers.map(({ create }) => {
      const args = runArgs(create).join(' ');
      return `run ${create.name} ${createHash('sha256').update(args).digest('hex')} ${args}\n`;
    });
    writeFileSync(join(folder, 'containers.sh'), containersHead + lines.join(''));
    const paths = node.sums
      .split('\n')
      .filter(Boolean)
      .map((line) => line.slice(66));
    inventory[node.name] = {
      ansible_host: node.address,
      host_files: paths.map((path) => ({ path, content: on(up.hosts[i].container, ['cat', path]).toString() })),
      host_containers: node.containers.map(({ create: { name, Image, Cmd, HostConfig: h } }) => ({
        name,
        image: Image,
        command: Cmd,
        binds: h.Binds,
        tmpfs: Object.keys(h.Tmpfs),
        memory: String(h.Memory),
        capAdd: h.CapAdd,
        log: h.LogConfig.Config,
      })),
    };
  });
  writeFileSync(join(data, 'inventory.json'), JSON.stringify({ nodes: { hosts: inventory } }));
  return nodes;
}

function peersOf(up) {
  const login = { KEY: up.ssh.keyPath, KNOWN: up.ssh.knownHostsPath };
  const ansible = {
    ANSIBLE_PIPELINING: 'True',
    ANSIBLE_FORKS: '20',
    ANSIBLE_REMOTE_USER: 'root',
    ANSIBLE_PRIVATE_KEY_FILE: up.ssh.keyPath,
    ANSIBLE_LOCALHOST_WARNING: 'False',
    ANSIBLE_PYTHON_INTERPRETER: '/usr/bin/python3',
    ANSIBLE_SSH_ARGS: `-o ControlMaster=auto -o ControlPersist=60s -o UserKnownHostsFile=${up.ssh.knownHostsPath}`,
  };
  return {
    krakenctl: () => krakenctl('deploy', '--yes'),
    ansible: () => run(['ansible-playbook', '-i', join(data, 'inventory.json'), join(here, 'playbook.yml')], ansible),
    bash: () => run(['bash', join(here, 'peer.sh'), data], login),
    limit: () => run([process.execPath, join(here, 'limit.cjs'), data], login),
  };
}

/** A peer that ends elsewhere, or changes something the second time, gives no ratio. */
async function measure(peer, name, { up, wanted, roles }) {
  await lab.resetLab(up);
  const cold = peer().ms;
  if (name === 'krakenctl') stages.push(stagesOfLast());
  const found = JSON.stringify(up.hosts.map(describe));
  if (found !== wanted)
    return { cold, failed: `ended in another state than the reference: ${firstDifference(found, wanted)}` };
  const redis = redisRoles(up.hosts);
  if (JSON.stringify(redis) !== roles) return { cold, failed: `Redis roles: ${redis}` };
  if (name === 'limit') return { cold };
  const before = touchprint(up.hosts);
  const again = peer().ms;
  if (touchprint(up.hosts) !== before) return { cold, again, failed: 'the second run touched containers' };
  return { cold, again };
}

function firstDifference(a, b) {
  let i = 0;
  while (a[i] === b[i]) i += 1;
  return `${a.slice(Math.max(0, i - 60), i + 60)} | ${b.slice(Math.max(0, i - 60), i + 60)}`;
}

/** Where the time of the newest deploy went, by its own clock. */
function stagesOfLast() {
  const { data } = JSON.parse(krakenctl('op', 'show', '--json').stdout);
  const ended = (data.progress?.stages ?? []).filter((stage) => stage.endedAt);
  return Object.fromEntries(ended.map(({ id, startedAt, endedAt }) => [id, endedAt - startedAt]));
}

const stages = [];
const median = (list) => list.sort((a, b) => a - b)[Math.floor(list.length / 2)];

async function main() {
  say('lab with three hosts and their images');
  const up = await lab.labUp({ name: 'bench', nodes: 3, vms: 0, images: options.images, krakenVersions: ['v0.1.27'] });
  await lab.resetLab(up);
  await lab.preloadImages(up);
  say('python on the hosts, which Ansible needs (not timed)');
  for (const { container } of up.hosts) {
    on(container, [
      'sh',
      '-c',
      'python3 -c "import docker" 2>/dev/null || (apt-get update -qq && apt-get install -y -qq --no-install-recommends python3 python3-docker python3-requests) >/dev/null 2>&1',
    ]);
  }
  writeFileSync(
    join(data, '.env'),
    Object.entries(lab.labEnv(up))
      .map(([k, v]) => `${k}=${v}\n`)
      .join(''),
  );
  krakenctl('temporal', 'up', '--port', '27233');
  krakenctl('worker', 'start');
  krakenctl('deploy', '--yes');
  const description = up.hosts.map(describe);
  const wanted = JSON.stringify(description);
  writeInputs(up, description);
  const context = { up, wanted, roles: JSON.stringify(redisRoles(up.hosts)) };
  const peers = peersOf(up);
  const results = Object.fromEntries(
    Object.keys(peers).map((name) => [name, { cold: [], again: [], failed: undefined }]),
  );
  for (let i = 0; i < Number(options.runs); i += 1) {
    for (const [name, peer] of Object.entries(peers)) {
      const one = await measure(peer, name, context);
      say(
        `${name}: cold ${one.cold} ms, nothing to change ${one.again ?? '-'} ms${one.failed ? ` FAILED: ${one.failed}` : ''}`,
      );
      results[name].cold.push(one.cold);
      if (one.again !== undefined) results[name].again.push(one.again);
      results[name].failed ??= one.failed;
    }
  }
  return summarise(results);
}

/** Whole commands, waits included. `limit_cold` is the limit's time by ours. */
const targets = { ansible_cold: { min: 3 }, ansible_again: { min: 20 }, limit_cold: { min: 0.67 } };

function summarise(results) {
  const measured = {};
  const ratios = {};
  const mine = results.krakenctl;
  for (const [name, { cold, again, failed }] of Object.entries(results)) {
    measured[`${name}_cold_ms`] = median([...cold]);
    if (again.length > 0) measured[`${name}_again_ms`] = median([...again]);
    if (failed || mine.failed || name === 'krakenctl') continue;
    ratios[`${name}_cold`] = Number((median([...cold]) / median([...mine.cold])).toFixed(2));
    if (again.length > 0) ratios[`${name}_again`] = Number((median([...again]) / median([...mine.again])).toFixed(2));
  }
  const commit = execFileSync('git', ['-C', root, 'rev-parse', '--short', 'HEAD']).toString().trim();
  const failed = Object.fromEntries(
    Object.entries(results).flatMap(([name, r]) => (r.failed ? [[name, r.failed]] : [])),
  );
  return {
    name: 'bench-deploy',
    commit,
    images: options.images,
    runs: Number(options.runs),
    measured: { ...measured, krakenctl_stages_ms: stages.at(-1) },
    ratios,
    targets,
    failed,
    met:
      Object.keys(failed).length === 0 &&
      Object.entries(targets).every(([name, { min }]) => ratios[name] !== undefined && ratios[name] >= min),
  };
}

let line;
try {
  line = await main();
} finally {
  spawnSync(process.execPath, [join(root, 'bin', 'krakenctl'), 'worker', 'stop'], { env: plain });
  spawnSync(process.execPath, [join(root, 'bin', 'krakenctl'), 'temporal', 'down', '--purge'], { env: plain });
  await lab.labDown('bench').catch((error) => say(error.message));
  rmSync(data, { recursive: true, force: true });
}
const { measured } = line;
console.log('                 cold      nothing to change   (whole commands, waits and proof included)');
for (const name of ['krakenctl', 'ansible', 'bash', 'limit']) {
  const again = measured[`${name}_again_ms`];
  console.log(
    `${name.padEnd(12)} ${`${(measured[`${name}_cold_ms`] / 1000).toFixed(1)} s`.padStart(8)} ${again ? `${(again / 1000).toFixed(1)} s`.padStart(18) : '                 -'}`,
  );
}
if (options.record) appendFileSync(join(root, 'docs', 'evidence', 'bench-deploy.jsonl'), `${JSON.stringify(line)}\n`);
console.log(JSON.stringify(line));
process.exit(Object.keys(line.failed).length === 0 ? 0 : 1);
