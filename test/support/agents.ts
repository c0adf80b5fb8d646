import { observeContainers, onHost, readText, tryOnHost } from './observer';

/** What the observer must see of an agent on a VM; imports nothing of src. */

export async function expectAgent(host: string, cluster: string, version: string): Promise<void> {
  const name = `kraken-${cluster}-agent`;
  const found = (await observeContainers(host))[name];
  expect(found).toMatchObject({
    name,
    state: 'running',
    networkMode: 'host',
    labels: { 'io.krakenctl.cluster': cluster },
  });
  expect(found!.memoryBytes).toBeGreaterThan(0);
  expect(await imageOf(host, found!.imageId)).toContain(`kraken-agent:${version}`);
  for (const word of ['is-active', 'is-enabled']) {
    expect([word, (await tryOnHost(host, ['systemctl', word, 'kraken-agent'])).code]).toEqual([word, 0]);
  }
  expect(await status(host, 'http://127.0.0.1:8091/readiness')).toBe(200);
  expect(await status(host, 'http://127.0.0.1:8080/health')).toBe(200);
  expect(await readText(host, '/var/log/kraken/agent.log')).not.toBe('');
}

async function imageOf(host: string, id: string): Promise<string> {
  return onHost(host, ['docker', 'image', 'inspect', '--format', '{{join .RepoTags " "}}', id]);
}

export async function status(host: string, url: string): Promise<number> {
  const { stdout } = await tryOnHost(host, ['curl', '-s', '-o', '/dev/null', '-m', '5', '-w', '%{http_code}', url]);
  return Number(stdout);
}

/** Everything that an agent could leave behind. */
export async function remains(host: string): Promise<string[]> {
  const folders = ['/etc/kraken', '/var/lib/kraken', '/var/log/kraken', '/usr/local/bin', '/etc/systemd/system'];
  const names = ['-name', '*kraken*'];
  const { stdout } = await tryOnHost(host, ['find', ...folders, ...names]);
  const units = await tryOnHost(host, ['systemctl', 'list-units', '--all', '--plain', '--no-legend', 'kraken-*']);
  const containers = await onHost(host, ['docker', 'ps', '-a', '--format', '{{.Names}}']);
  return [stdout, units.stdout, containers].flatMap((text) => text.split('\n').filter((line) => line.trim() !== ''));
}

/** An image of one layer with these bytes, made and pushed on a node as a person would; resolves with its digest. */
export async function pushThrough(node: string, name: string, text: string): Promise<string> {
  const reference = `127.0.0.1:5000/${name}`;
  const make =
    'd=$(mktemp -d); printf %s "$1" > "$d/data"; tar -C "$d" -c data | docker import - "$2" > /dev/null; rm -rf "$d"; docker push -q "$2" > /dev/null; docker image inspect --format "{{index .RepoDigests 0}}" "$2"';
  const found = await onHost(node, ['sh', '-c', make, 'sh', text, reference]);
  return found.trim().split('@')[1]!;
}
