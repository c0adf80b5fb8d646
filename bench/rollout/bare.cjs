// The bare sum of what a rollout cannot do without, node after node: the same gates, and the Engine calls that replace what differs, over one
// ssh2 connection a host. No look at what is there, no plan, no record, no second look. Its output is the time of each node, in milliseconds.
const { readFileSync } = require('node:fs');
const { join } = require('node:path');
const { connect, engineOver, exec } = require('../deploy/connection.cjs');

const data = process.argv[2];
const { nodes } = JSON.parse(readFileSync(join(data, 'change.json'), 'utf8'));
const script = (name) => readFileSync(join(__dirname, name));
const stopSeconds = 10;
/** Until the others have surely taken the last node back (decision 0030). */
const settledSeconds = 5;

async function drain(clients, node, what) {
  const file = '/etc/kraken/bench/nginx/nginx.conf';
  await Promise.all(
    nodes.map(({ name }, i) =>
      exec(clients[i], `bash -s kraken-bench-${name}-nginx ${file} ${what} ${node.address}`, script('drain.sh')),
    ),
  );
}

async function replace(client, { containers, name }) {
  const docker = engineOver(client);
  await exec(client, 'tar -x -C /', readFileSync(join(data, `${name}.tar`)));
  for (const { create } of containers) {
    const before = docker.getContainer(create.name);
    await before.stop({ t: stopSeconds });
    await before.remove();
    await (await docker.createContainer(create)).start();
  }
}

/** What the others took in meanwhile is on this node too, before the next one goes. */
async function caughtUp(clients, node, seconds = 0) {
  const others = clients.filter((_, i) => nodes[i] !== node);
  const taken = await Promise.all(others.map((client) => exec(client, 'bash -s 1', script('taken-in.sh'))));
  const words = [taken.join('\n').replaceAll('\n', ','), node.address, seconds].map((word) => `'${word}'`).join(' ');
  await exec(clients[nodes.indexOf(node)], `bash -s ${words}`, script('caught-up.sh'));
}

(async () => {
  const clients = await Promise.all(nodes.map(({ address }) => connect(address)));
  const times = [];
  for (const [i, node] of nodes.entries()) {
    const started = performance.now();
    await Promise.all([drain(clients, node, 'out'), i > 0 && caughtUp(clients, nodes[i - 1])]);
    const restarts = performance.now();
    await replace(clients[i], node);
    await exec(clients[i], 'bash -s', script('../deploy/ready.sh'));
    const ready = performance.now();
    await Promise.all([exec(clients[i], 'bash -s', script('canary.sh')), caughtUp(clients, node)]);
    await drain(clients, node, 'in');
    if (node === nodes.at(-1)) await caughtUp(clients, node, settledSeconds);
    times.push({ node: node.name, ms: performance.now() - started, restartsMs: ready - restarts });
  }
  for (const client of clients) client.end();
  console.log(JSON.stringify(times));
})().catch((error) => {
  console.error(error.message);
  process.exit(1);
});
