// The bare limit: the same Engine calls over one ssh2 connection a host, hosts side by side; no look at what is there, no plan, no record.
const { readFileSync } = require('node:fs');
const { Agent } = require('node:http');
const { join } = require('node:path');
const Docker = require('dockerode');
const { Client } = require('ssh2');

const data = process.argv[2];
const { nodes } = JSON.parse(readFileSync(join(data, 'description.json'), 'utf8'));

class StreamAgent extends Agent {
  constructor(client) {
    super({ keepAlive: true });
    this.client = client;
  }
  createConnection(_options, done) {
    this.client.openssh_forwardOutStreamLocal('/var/run/docker.sock', (error, stream) => {
      for (const method of ['setKeepAlive', 'setNoDelay', 'setTimeout', 'ref', 'unref'])
        if (stream) stream[method] ??= () => stream;
      done(error, stream);
    });
  }
  [require('node:util').inspect.custom]() {
    return 'StreamAgent';
  }
}

const connect = (address) =>
  new Promise((resolve, reject) => {
    const client = new Client();
    client.once('ready', () => resolve(client.setNoDelay(true) ?? client)).once('error', reject);
    client.connect({
      host: address,
      username: 'root',
      privateKey: readFileSync(process.env.KEY),
      hostVerifier: () => true,
    });
  });

const exec = (client, command, input) =>
  new Promise((resolve, reject) => {
    client.exec(command, (error, channel) => {
      if (error) return reject(error);
      let out = '';
      channel.on('data', (chunk) => (out += chunk));
      channel.stderr.resume();
      channel.on('exit', (code) => (code === 0 ? undefined : reject(new Error(`${command}: ${code}`))));
      channel.on('close', () => resolve(out.trim()));
      channel.end(input);
    });
  });

(async () => {
  const clients = await Promise.all(nodes.map(({ address }) => connect(address)));
  await Promise.all(
    nodes.map(async ({ name, containers }, i) => {
      const docker = new Docker({ protocol: 'http', host: 'docker', port: 80, agent: new StreamAgent(clients[i]) });
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
