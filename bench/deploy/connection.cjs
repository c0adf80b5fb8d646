// One ssh2 connection to a host, its Engine over it, and programs on it: what the bare peers have, and nothing more.
const { readFileSync } = require('node:fs');
const { Agent } = require('node:http');
const Docker = require('dockerode');
const { Client } = require('ssh2');

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

const engineOver = (client) =>
  new Docker({ protocol: 'http', host: 'docker', port: 80, agent: new StreamAgent(client) });

const exec = (client, command, input) =>
  new Promise((resolve, reject) => {
    client.exec(command, (error, channel) => {
      if (error) return reject(error);
      let out = '';
      channel.on('data', (chunk) => (out += chunk));
      let said = '';
      channel.stderr.on('data', (chunk) => (said += chunk));
      let ended;
      channel.on('exit', (code) => {
        ended = code;
      });
      channel.on('close', () =>
        ended === 0 ? resolve(out.trim()) : reject(new Error(`${command}: ${ended} ${said.slice(-500)}`)),
      );
      channel.end(input);
    });
  });

module.exports = { connect, engineOver, exec };
