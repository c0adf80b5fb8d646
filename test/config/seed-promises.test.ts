import { desiredState, requiredImages } from '../../src/cluster/desired-state';
import { loadConfig } from '../../src/config/load';
import { renderTemplate } from '../../src/config/template';

/** From the template as it stands to what every node would carry: names and ports that the seed's users know. */
const loaded = loadConfig({ envFile: { name: '.env', text: renderTemplate() } });
if (!loaded.ok) throw new Error('the template is no configuration');
const { spec } = loaded;
const images = Object.fromEntries(requiredImages(spec).map((image) => [image, `sha256:${'0'.repeat(64)}`]));
const { hosts, redis } = desiredState(spec, images);
const nodes = hosts.map(({ host }) => host);

function textOf(host: string, part: string): string {
  const files = hosts.find((h) => h.host === host)!.files.filter((file) => file.part === part);
  return files.map(({ contents }) => contents).join('\n');
}

test("every container is found by the seed's filter and begins with the seed's name of its node", () => {
  for (const { host, containers } of hosts) {
    expect(containers.length).toBeGreaterThanOrEqual(9);
    for (const { name } of containers) expect(name).toMatch(new RegExp(`^kraken-cluster-${host}-`));
  }
});

test('both ports of every load balancer answer /health', () => {
  for (const host of nodes) {
    const servers = textOf(host, 'nginx')
      .split(/^\s*server \{/m)
      .slice(1);
    for (const port of [5000, 5003]) {
      const own = servers.find((server) => server.includes(`listen ${port};`));
      expect(own).toMatch(/location = \/health \{[^}]*return 200/);
    }
  }
});

test('a Redis Cluster master listens on 6379 of every node', () => {
  const masters = redis.filter(({ role, port }) => role === 'master' && port === 6379).map(({ host }) => host);
  expect(masters).toEqual(nodes);
  for (const host of nodes) expect(textOf(host, 'redis')).toMatch(/^port 6379$/m);
});

test.each([
  ['origin', 8080],
  ['tracker', 8081],
  ['build-index', 8082],
  ['proxy', 8083],
  ['nginx', 5000],
  ['nginx', 5003],
])('every port of the seed has its part: %s on %i', (part, port) => {
  for (const { host, containers } of hosts) {
    const { command } = containers.find((container) => container.part === part)!;
    expect(`${command.join(' ')}\n${textOf(host, part)}`).toContain(String(port));
  }
});
