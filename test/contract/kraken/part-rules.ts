import { ports } from './configurations';
import { docker, type Ended, eventually } from './docker';
import { type Part, parts } from './images';
import { expect, expectEqual, type Rule } from './rules';
import { type PartRun, runToEnd, type Stage, startPart } from './stage';

/** What a part does by itself: how it is called, and what it refuses. */
type Configured = Exclude<Part, 'testfs'>;
const configured = parts.filter((part): part is Configured => part !== 'testfs');

async function expectEnd(
  stage: Stage,
  part: Part,
  run: PartRun,
  expected: { code: number; says: RegExp },
): Promise<void> {
  const ended = await runToEnd(stage, part, run);
  expectEqual(ended.code, expected.code, `exit code of ${part} (${lastWords(ended)})`);
  expect(expected.says.test(ended.out + ended.err), `${part} does not say ${expected.says}: ${lastWords(ended)}`);
}

function originFlags(hostname: string, port: number): string[] {
  const own = ['--blobserver-hostname', hostname, '--blobserver-port', `${port}`];
  return ['--config', '/etc/krakenctl/production.yaml', ...own, '--peer-ip', '127.0.0.1', '--peer-port', '8090'];
}

function lastWords({ out, err }: Ended): string {
  return `${out}\n${err}`.trim().slice(-400);
}

/** SIGQUIT to the nginx that the part itself has started. */
const quitNginx = `for p in /proc/[0-9]*; do [ "$(cat $p/comm)" = nginx ] && grep -q 'PPid:.1$' $p/status && kill -QUIT \${p#/proc/}; done; :`;

export const partRules: Rule[] = [
  {
    title: 'each image has /usr/bin/kraken-<part> and no entrypoint',
    async check({ images }) {
      for (const part of parts) {
        const format = '{{json .Config.Entrypoint}}';
        expectEqual(await docker('image', 'inspect', '--format', format, images[part]), 'null', part);
        await docker('run', '--rm', images[part], 'test', '-x', `/usr/bin/kraken-${part}`);
      }
    },
  },
  {
    title: 'an unknown flag ends a part with exit code 2',
    async check(stage) {
      const unknown = { flags: ['--server-port', '1'] };
      const says = /flag provided but not defined: -server-port/;
      for (const part of parts) await expectEnd(stage, part, unknown, { code: 2, says });
    },
  },
  {
    title: 'a missing port flag ends a part: exit code 2, and 1 for testfs',
    async check(stage) {
      const config = ['--config', '/etc/krakenctl/production.yaml'];
      for (const part of ['origin', 'build-index', 'proxy', 'agent'] as const) {
        await expectEnd(stage, part, { flags: config }, { code: 2, says: /panic: must specify/ });
      }
      await expectEnd(stage, 'testfs', { flags: [] }, { code: 1, says: /-port required/ });
    },
  },
  {
    title: 'a configuration that is missing, is no YAML, or extends what is not there ends a part with exit code 2',
    async check(stage) {
      const flags = ['--config', '/etc/krakenctl/nothing.yaml', '--port', `${ports.proxy}`];
      await expectEnd(stage, 'proxy', { flags }, { code: 2, says: /no such file/ });
      await expectEnd(stage, 'proxy', { config: 'a: [1' }, { code: 2, says: /panic: .*yaml/ });
      await expectEnd(
        stage,
        'proxy',
        { config: 'extends: /etc/kraken/nothing.yaml' },
        { code: 2, says: /no such file/ },
      );
    },
  },
  {
    title:
      'where tls is not said, a part ends with exit code 1: "invalid TLS config: stat : no such file or directory"',
    async check(stage) {
      // Only parts that need no other one to come so far; the tracker finds its Redis.
      const says = /invalid TLS config: stat : no such file or directory/;
      for (const part of configured) await expectEnd(stage, part, { config: { tls: undefined } }, { code: 1, says });
    },
  },
  {
    title: 'an empty nginx.cache_dir ends a part with exit code 1: "cache_dir required"',
    async check(stage) {
      const says = /invalid config: cache_dir required/;
      for (const part of configured) {
        await expectEnd(stage, part, { config: { nginx: { cache_dir: '' } } }, { code: 1, says });
      }
    },
  },
  {
    title: 'the base configurations name log files and a cache folder, so that nginx may be left out',
    async check(stage) {
      const name = await startPart(stage, stage.nodes[0]!, 'proxy', { config: { nginx: undefined } });
      try {
        await eventually(() => expectAnswer(stage, ports.proxy, '/health', 200));
      } finally {
        await docker('rm', '-fv', name);
      }
    },
  },
  {
    title: 'an empty list of hosts ends a part with exit code 1',
    async check(stage) {
      const says = /no dns record or static list supplied/;
      await expectEnd(stage, 'proxy', { config: { origin: { hosts: { static: [] } } } }, { code: 1, says });
    },
  },
  {
    title: 'an origin that its own list names neither by its hostname nor by its first address ends with exit code 1',
    async check(stage) {
      const run = { flags: originFlags('elsewhere', 9080) };
      await expectEnd(stage, 'origin', run, { code: 1, says: /could not find itself in hash ring/ });
    },
  },
  {
    title: 'an origin whose hostname is not listed takes its first address instead',
    async check(stage) {
      const name = await startPart(stage, stage.nodes[0]!, 'origin', { flags: originFlags('elsewhere', ports.origin) });
      try {
        await eventually(() => expectAnswer(stage, ports.origin, '/health', 200));
      } finally {
        await docker('rm', '-fv', name);
      }
    },
  },
  {
    title: 'a tracker that is to use Redis and does not reach it ends with exit code 1',
    async check(stage) {
      const peerstore = { redis: { enabled: true, addr: '127.0.0.1:1' } };
      await expectEnd(
        stage,
        'tracker',
        { config: { peerstore } },
        { code: 1, says: /Could not create PeerStore: .*dial redis/ },
      );
    },
  },
  {
    title: 'extends may be relative; maps merge deeply over several files',
    async check(stage) {
      const node = stage.nodes[0]!;
      const config = { extends: '../kraken/config/proxy/base.yaml' };
      const name = await startPart(stage, node, 'proxy', { config });
      try {
        // castore comes from the base, the hosts from the file.
        await eventually(() => expectAnswer(stage, ports.proxy, '/health', 200));
        await docker('exec', name, 'test', '-d', '/var/cache/kraken/kraken-proxy/upload');
      } finally {
        await docker('rm', '-fv', name);
      }
    },
  },
  {
    title: 'a proxy listens on each --port, written with a space or with =',
    async check(stage) {
      const flags = ['--config=/etc/krakenctl/production.yaml', '--port=8083', '-port', '8084'];
      const name = await startPart(stage, stage.nodes[0]!, 'proxy', { flags });
      try {
        for (const port of [8083, 8084]) await eventually(() => expectAnswer(stage, port, '/health', 200));
      } finally {
        await docker('rm', '-fv', name);
      }
    },
  },
  {
    title: 'a part whose nginx is told to quit answers what it has, takes nothing new, and ends',
    async check(stage) {
      const name = await startPart(stage, stage.nodes[0]!, 'proxy');
      const base = `http://${stage.nodes[0]!.address}:${ports.proxy}`;
      try {
        await eventually(() => expectAnswer(stage, ports.proxy, '/health', 200));
        const begun = await fetch(`${base}/v2/contract/quit/blobs/uploads/`, { method: 'POST' });
        let finish = (): void => undefined;
        const body = new ReadableStream({
          start(sink) {
            sink.enqueue(Buffer.from('half '));
            finish = () => {
              sink.enqueue(Buffer.from('whole'));
              sink.close();
            };
          },
        });
        const init = { method: 'PATCH', body, duplex: 'half', headers: { 'content-type': 'application/octet-stream' } };
        const underWay = fetch(begun.headers.get('location')!, init as RequestInit);
        await eventually(async () => {
          const files = await docker('exec', name, 'find', '/var/cache/kraken/kraken-proxy/upload', '-type', 'f');
          expect(files !== '', 'no upload has begun');
        });
        await docker('exec', name, 'sh', '-c', quitNginx);
        await eventually(async () => {
          const refused = await fetch(`${base}/health`, { headers: { connection: 'close' } }).then(
            () => false,
            () => true,
          );
          expect(refused, 'it takes what is new');
        });
        finish();
        expectEqual((await underWay).status, 202, 'what was under way');
        await eventually(async () => {
          expectEqual(await docker('inspect', '--format', '{{.State.Status}}', name), 'exited', 'the part');
        });
      } finally {
        await docker('rm', '-fv', name);
      }
    },
  },
  {
    title: 'a build-index whose backend of tags must be ready never is: readiness asks for a name that is no tag',
    async check(stage) {
      const testfs = { addr: `127.0.0.1:${ports.testfs}`, root: 'tags', name_path: 'docker_tag' };
      const config = { backends: [{ namespace: '.*', backend: { testfs }, must_ready: true }] };
      const node = stage.nodes[0]!;
      const names = [await startPart(stage, node, 'testfs'), await startPart(stage, node, 'build-index', { config })];
      try {
        await eventually(() => expectAnswer(stage, ports.testfs, '/health', 200));
        await eventually(() => expectAnswer(stage, ports.buildIndex, '/health', 200));
        const answer = await fetch(`http://${node.address}:${ports.buildIndex}/readiness`);
        const text = await answer.text();
        expectEqual(answer.status, 503, '/readiness');
        expect(/name must be in format 'repo:tag'/.test(text), `it says ${text}`);
      } finally {
        await docker('rm', '-fv', ...names);
      }
    },
  },
];

export async function expectAnswer({ nodes }: Stage, port: number, path: string, status: number): Promise<void> {
  const answer = await fetch(`http://${nodes[0]!.address}:${port}${path}`);
  expectEqual(answer.status, status, `${path} on ${port}`);
}
