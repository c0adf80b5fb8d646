// A worker that can be frozen: holds the fence of a host, and does what it is told when it wakes.
const { createHosts } = require('../../dist/clients/hosts.js');

process.once('message', async ({ keyPath, knownHostsPath, address, user, cluster, epoch, image }) => {
  const say = (word) => process.send(word);
  try {
    const hosts = createHosts({ keyPath, knownHostsPath });
    const host = await hosts.connect({ id: 'node-1', address, ssh: { address, port: 22, user } });
    await host.fence({ cluster, epoch, image });
    // The connection that effects go over is open before the sleep.
    await host.engine.version();
    process.on('message', async (what) => {
      try {
        if (what === 'create') await host.engine.create({ ...container, image, name: `zombie-${cluster}` });
        if (what === 'write')
          await host.files.write({ path: `/tmp/zombie-${cluster}`, mode: 0o644, contents: Buffer.from('late') });
        if (what === 'lease') {
          const again = await hosts.connect({ id: 'node-1', address, ssh: { address, port: 22, user } });
          await again.fence({ cluster, epoch, image });
        }
        say('landed');
      } catch (error) {
        say(`failed ${error.name}: ${error.message}`);
      }
    });
    say('held');
  } catch (error) {
    say(`broken ${error.message}`);
  }
});

const container = {
  command: ['true'],
  labels: {},
  mounts: [],
  tmpfs: [],
  memoryBytes: 0,
  nanoCpus: 0,
  capAdd: [],
  readOnlyRoot: false,
  pidsLimit: 64,
  logMaxSizeBytes: 1_000_000,
  logMaxFiles: 1,
};
