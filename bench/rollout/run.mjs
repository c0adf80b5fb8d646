// npm run bench:rollout: another version on three nodes, one after the other; the last line is JSON, as docs/evidence/bench-rollout.jsonl
// keeps it. Each peer begins from a cluster that krakenctl has deployed anew, and must end where krakenctl's own rollout ends.
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { describe, on, redisRoles } from '../deploy/observe.mjs';
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
  writeEnv,
} from '../deploy/stage.mjs';

const { values: options } = parseArgs({
  options: {
    runs: { type: 'string', default: '1' },
    images: { type: 'string', default: 'stand-in' },
    record: { type: 'boolean' },
    yes: { type: 'boolean' },
  },
});
const here = import.meta.dirname ?? new URL('.', import.meta.url).pathname;
const [from, to] = ['v0.1.27', 'v0.1.26'];

function stateOf(up) {
  return { nodes: up.hosts.map(describe), roles: redisRoles(up.hosts) };
}

/** What differs between the two states, as inputs of the peers. */
function writeInputs(up, before, after) {
  const nodes = up.hosts.map(({ name, address, container }, i) => {
    const was = new Set(before.nodes[i].containers.map((c) => JSON.stringify(c)));
    const containers = after.nodes[i].containers.filter((c) => !was.has(JSON.stringify(c)));
    const sums = new Set(linesOf(before.nodes[i].sums));
    const paths = linesOf(after.nodes[i].sums)
      .filter((line) => !sums.has(line))
      .map((line) => line.slice(66));
    if (paths.some((path) => path.endsWith('/nginx.conf')))
      throw new Error('the peers drain by nginx.conf, which changes');
    const packed = on(container, ['tar', '-c', '-C', '/', '-T', '-'], {
      input: paths.map((p) => `${p.slice(1)}\n`).join(''),
    });
    writeFileSync(join(data, `${name}.tar`), packed);
    const host_files = paths.map((path) => ({ path, content: on(container, ['cat', path]).toString() }));
    return { name, address, containers, host_files };
  });
  if (nodes.some(({ containers }) => containers.length === 0)) throw new Error('the other version replaces nothing');
  writeFileSync(join(data, 'change.json'), JSON.stringify({ nodes }));
  const inventory = nodes.map(({ name, address, containers, host_files }) => [
    name,
    { ansible_host: address, host_files, host_containers: containers.map(ansibleContainer) },
  ]);
  writeFileSync(join(data, 'inventory.json'), JSON.stringify({ nodes: { hosts: Object.fromEntries(inventory) } }));
  say(`${nodes[0].containers.length} containers and ${nodes[0].host_files.length} files differ on each node`);
}

/** Each resolves with the time of the whole command, and of each node where it is known. */
function peersOf(up) {
  return {
    krakenctl: () => {
      writeEnv(up, { KRAKEN_VERSION: to });
      // The peers watch nobody afterwards.
      const { ms } = krakenctl('deploy', '--yes', '--bake', '0s');
      return { ms, nodes: nodesOfLast(up.hosts.map((host) => host.name)) };
    },
    ansible: () =>
      run(['ansible-playbook', '-i', join(data, 'inventory.json'), join(here, 'playbook.yml')], ansibleOf(up)),
    bare: () => {
      const { ms, stdout } = run([process.execPath, join(here, 'bare.cjs'), data], loginOf(up));
      const times = JSON.parse(stdout);
      return { ms, nodes: times.map((t) => t.ms), restarts: times.map((t) => t.restartsMs) };
    },
  };
}

/** From krakenctl's own clock: a stage of the operation for each node. */
function nodesOfLast(names) {
  const { data: shown } = JSON.parse(krakenctl('op', 'show', '--json').stdout);
  const stages = shown.progress?.stages ?? [];
  return names.map((name) => {
    const own = stages.filter(
      (stage) => stage.endedAt && new RegExp(`\\b${name}\\b`).test(`${stage.id} ${stage.title}`),
    );
    if (own.length === 0) throw new Error(`the operation shows no stage of ${name}: ${stages.map((s) => s.id)}`);
    return own.reduce((sum, { startedAt, endedAt }) => sum + endedAt - startedAt, 0);
  });
}

function deployFrom(up) {
  writeEnv(up, { KRAKEN_VERSION: from });
  krakenctl('deploy', '--yes');
}

/** A peer that ends elsewhere gives no ratio. */
async function measure(peer, { up, wanted }) {
  await lab.resetLab(up);
  deployFrom(up);
  const one = peer();
  const found = JSON.stringify(stateOf(up));
  if (found === wanted) return one;
  return { ...one, failed: `ended in another state than the reference: ${firstDifference(found, wanted)}` };
}

async function main() {
  const up = await openStage({ images: options.images, versions: [from, to] });
  deployFrom(up);
  const before = stateOf(up);
  peersOf(up).krakenctl();
  const after = stateOf(up);
  writeInputs(up, before, after);
  const context = { up, wanted: JSON.stringify(after) };
  const results = {};
  for (let i = 0; i < Number(options.runs); i += 1) {
    for (const [name, peer] of Object.entries(peersOf(up))) {
      const { ms, nodes = [], restarts = [], failed } = await measure(peer, context);
      say(`${name}: ${ms} ms, nodes ${nodes.map(Math.round)} ms${failed ? ` FAILED: ${failed}` : ''}`);
      results[name] ??= { whole: [], nodes: [], restarts: [] };
      results[name].whole.push(ms);
      results[name].nodes.push(...nodes);
      results[name].restarts.push(...restarts);
      results[name].failed ??= failed;
    }
  }
  return summarise(results);
}

/** By node against the bare sum, gates included; by the whole command against Ansible. */
const targets = { node_by_bare: { max: 1.3 }, ansible_by_krakenctl: { min: 1 } };

function summarise({ krakenctl: mine, ansible, bare }) {
  const ratio = (a, b) => Number((median(a) / median(b)).toFixed(2));
  const ratios = {};
  if (!mine.failed && !bare.failed) ratios.node_by_bare = ratio(mine.nodes, bare.nodes);
  if (!mine.failed && !ansible.failed) ratios.ansible_by_krakenctl = ratio(ansible.whole, mine.whole);
  const failed = Object.fromEntries(
    Object.entries({ krakenctl: mine, ansible, bare }).flatMap(([name, r]) => (r.failed ? [[name, r.failed]] : [])),
  );
  const keeps = ([name, { min = 0, max = Number.POSITIVE_INFINITY }]) => ratios[name] >= min && ratios[name] <= max;
  return {
    name: 'bench-rollout',
    commit: commitOf(),
    images: options.images,
    runs: Number(options.runs),
    measured: {
      krakenctl_ms: median(mine.whole),
      krakenctl_node_ms: Math.round(median(mine.nodes)),
      bare_node_ms: Math.round(median(bare.nodes)),
      bare_restarts_ms: Math.round(median(bare.restarts)),
      ansible_ms: median(ansible.whole),
    },
    ratios,
    targets,
    failed,
    met: Object.keys(failed).length === 0 && Object.entries(targets).every(keeps),
  };
}

let line;
try {
  line = await main();
} finally {
  await closeStage();
}
const { measured: m } = line;
console.log(
  `krakenctl  ${(m.krakenctl_ms / 1000).toFixed(1)} s whole, ${(m.krakenctl_node_ms / 1000).toFixed(1)} s a node`,
);
console.log(
  `bare       ${(m.bare_node_ms / 1000).toFixed(1)} s a node, ${(m.bare_restarts_ms / 1000).toFixed(1)} s of them restarts`,
);
console.log(`ansible    ${(m.ansible_ms / 1000).toFixed(1)} s whole`);
finish(line, { record: options.record, file: 'bench-rollout.jsonl' });
