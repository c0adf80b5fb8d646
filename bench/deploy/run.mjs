// npm run bench:deploy: the last line is JSON, as docs/evidence/bench-deploy.jsonl keeps it.
import { spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { describe, on, redisRoles, touchprint } from './observe.mjs';
import {
  ansibleContainer,
  ansibleOf,
  closeStage,
  commitOf,
  data,
  finish,
  firstDifference,
  krakenctl,
  lab,
  linesOf,
  loginOf,
  median,
  openStage,
  run,
  say,
  temporalAddress,
} from './stage.mjs';
import { forgetWaits, historyWaitsMs, notedWaitsMs } from './waits.mjs';

const { values: options } = parseArgs({
  options: {
    runs: { type: 'string', default: '1' },
    images: { type: 'string', default: 'stand-in' },
    record: { type: 'boolean' },
    yes: { type: 'boolean' },
  },
});
const here = import.meta.dirname ?? new URL('.', import.meta.url).pathname;

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
    ...h.SecurityOpt.flatMap((option) => ['--security-opt', option]),
    ...(h.ReadonlyRootfs ? ['--read-only'] : []),
    '--pids-limit',
    h.PidsLimit,
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
    const paths = linesOf(node.sums).map((line) => line.slice(66));
    inventory[node.name] = {
      ansible_host: node.address,
      host_files: paths.map((path) => ({ path, content: on(up.hosts[i].container, ['cat', path]).toString() })),
      host_containers: node.containers.map(ansibleContainer),
    };
  });
  writeFileSync(join(data, 'inventory.json'), JSON.stringify({ nodes: { hosts: inventory } }));
  return nodes;
}

function peersOf(up) {
  const [login, ansible] = [loginOf(up), ansibleOf(up)];
  const play = (strategy) => () =>
    run(['ansible-playbook', '-i', join(data, 'inventory.json'), join(here, 'playbook.yml')], {
      ...ansible,
      ANSIBLE_STRATEGY: strategy,
    });
  return {
    krakenctl: () => krakenctl('deploy', '--yes'),
    ansible: play('free'),
    ...(hasMitogen() && { mitogen: play('mitogen_free') }),
    bash: () => run(['bash', join(here, 'peer.sh'), data], login),
    limit: () => run([process.execPath, join(here, 'limit.cjs'), data], login),
  };
}

/** Debian's `ansible-mitogen` beside Debian's `ansible`. */
const hasMitogen = () => spawnSync('/usr/bin/python3', ['-c', 'import ansible_mitogen']).status === 0;

/** A peer that ends elsewhere, or changes something the second time, gives no ratio. */
async function measure(peer, name, { up, wanted, roles }) {
  await lab.resetLab(up);
  forgetWaits(up.hosts);
  const cold = peer().ms;
  const waits =
    name === 'krakenctl' ? await historyWaitsMs(temporalAddress, 'kraken-bench-operation') : notedWaitsMs(up.hosts);
  if (name === 'krakenctl') stages.push(stagesOfLast());
  const found = JSON.stringify(up.hosts.map(describe));
  if (found !== wanted)
    return { cold, waits, failed: `ended in another state than the reference: ${firstDifference(found, wanted)}` };
  const redis = redisRoles(up.hosts);
  if (JSON.stringify(redis) !== roles) return { cold, waits, failed: `Redis roles: ${redis}` };
  if (name === 'limit') return { cold, waits };
  const before = touchprint(up.hosts);
  const again = peer().ms;
  if (touchprint(up.hosts) !== before) return { cold, waits, again, failed: 'the second run touched containers' };
  return { cold, waits, again };
}

/** Where the time of the newest deploy went, by its own clock. */
function stagesOfLast() {
  const { data } = JSON.parse(krakenctl('op', 'show', '--json').stdout);
  const ended = (data.progress?.stages ?? []).filter((stage) => stage.endedAt);
  return Object.fromEntries(ended.map(({ id, startedAt, endedAt }) => [id, endedAt - startedAt]));
}

const stages = [];

async function main() {
  const up = await openStage({ images: options.images, versions: ['v0.1.27'] });
  krakenctl('deploy', '--yes');
  const description = up.hosts.map(describe);
  const wanted = JSON.stringify(description);
  writeInputs(up, description);
  const context = { up, wanted, roles: JSON.stringify(redisRoles(up.hosts)) };
  const peers = peersOf(up);
  const results = Object.fromEntries(
    Object.keys(peers).map((name) => [name, { cold: [], waits: [], again: [], failed: undefined }]),
  );
  for (let i = 0; i < Number(options.runs); i += 1) {
    for (const [name, peer] of Object.entries(peers)) {
      const one = await measure(peer, name, context);
      say(
        `${name}: cold ${one.cold} ms (of them waits ${one.waits} ms), nothing to change ${one.again ?? '-'} ms${one.failed ? ` FAILED: ${one.failed}` : ''}`,
      );
      results[name].cold.push(one.cold);
      results[name].waits.push(one.waits);
      if (one.again !== undefined) results[name].again.push(one.again);
      results[name].failed ??= one.failed;
    }
  }
  return summarise(results);
}

/** Whole commands; `_work` is without the waits for parts to be ready, which are the same for all. `limit_…` is the limit's time by ours. */
const targets = {
  ansible_cold: { min: 3 },
  ansible_work: { min: 6 },
  ansible_again: { min: 20 },
  limit_work: { min: 0.67 },
};

function summarise(results) {
  const measured = {};
  const ratios = {};
  const mine = results.krakenctl;
  const workOf = ({ cold, waits }) => median(cold.map((ms, i) => ms - waits[i]));
  for (const [name, { cold, waits, again, failed }] of Object.entries(results)) {
    measured[`${name}_cold_ms`] = median(cold);
    measured[`${name}_waits_ms`] = median(waits);
    if (again.length > 0) measured[`${name}_again_ms`] = median(again);
    if (failed || mine.failed || name === 'krakenctl') continue;
    ratios[`${name}_cold`] = Number((median(cold) / median(mine.cold)).toFixed(2));
    ratios[`${name}_work`] = Number((workOf(results[name]) / workOf(mine)).toFixed(2));
    if (again.length > 0) ratios[`${name}_again`] = Number((median(again) / median(mine.again)).toFixed(2));
  }
  const failed = Object.fromEntries(
    Object.entries(results).flatMap(([name, r]) => (r.failed ? [[name, r.failed]] : [])),
  );
  return {
    name: 'bench-deploy',
    commit: commitOf(),
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
  await closeStage();
}
const { measured } = line;
const seconds = (ms, width) => (ms === undefined ? '-' : `${(ms / 1000).toFixed(1)} s`).padStart(width);
console.log('                 cold   of them waits   nothing to change   (whole commands, proof included)');
for (const name of ['krakenctl', 'ansible', 'mitogen', 'bash', 'limit'].filter(
  (peer) => `${peer}_cold_ms` in measured,
)) {
  const of = (what) => measured[`${name}_${what}_ms`];
  console.log(`${name.padEnd(12)} ${seconds(of('cold'), 8)} ${seconds(of('waits'), 15)} ${seconds(of('again'), 19)}`);
}
finish(line, { record: options.record, file: 'bench-deploy.jsonl' });
