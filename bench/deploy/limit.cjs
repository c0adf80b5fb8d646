// The bare limit: the same Engine calls over one ssh2 connection a host, hosts side by side; no look at what is there, no plan, no record.
const { readFileSync } = require('node:fs');
const { join } = require('node:path');
const { connect, engineOver, exec } = require('./connection.cjs');

const data = process.argv[2];
const { nodes } = JSON.parse(readFileSync(join(data, 'description.json'), 'utf8'));

(async () => {
  const clients = await Promise.all(nodes.map(({ address }) => connect(address)));
  await Promise.all(
    nodes.map(async ({ name, containers }, i) => {
      const docker = engineOver(clients[i]);
      await exec(clients[i], 'tar -x -C /', readFileSync(join(data, name, 'files.tar')));
      for (const { create } of containers) await (await docker.createContainer(create)).start();
    }),
  );
  const script = (name) => readFileSync(join(__dirname, name));
  const addresses = nodes.map((n) => n.address).join(' ');
  await exec(clients[0], `bash -s kraken-bench-${nodes[0].name}-redis ${addresses}`, script('redis-cluster.sh'));
  await Promise.all(clients.map((client) => exec(client, 'bash -s', script('ready.sh'))));
  const digest = await exec(clients[0], 'bash -s push', script('smoke.sh'));
  await exec(clients[1], `bash -s pull ${digest}`, script('smoke.sh'));
  for (const client of clients) client.end();
})().catch((error) => {
  console.error(error.message);
  process.exit(1);
});
