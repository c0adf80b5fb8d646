import { createHash, randomBytes } from 'node:crypto';
import { ports } from './configurations';
import { docker, eventually } from './docker';
import { at, proxy } from './image-rules';
import { expectBytes, makeImage, pullImage, pushImage, startUpload } from './registry-client';
import { expect, expectEqual, type Rule } from './rules';
import { partName, type Stage, startPart } from './stage';

/** Announces, the Redis behind them, and agents. */
interface Peer {
  peer_id: number[];
  ip: string;
  port: number;
  origin: boolean;
  complete: boolean;
}

interface Announced {
  status: number;
  peers: Peer[] | null;
  interval: number;
}

export function makePeer(lastOctet: number, complete = false): Peer {
  return { peer_id: [...randomBytes(20)], ip: `10.9.8.${lastOctet}`, port: 16_001, origin: false, complete };
}

export const randomHash = () => createHash('sha1').update(randomBytes(8)).digest('hex');

/** As agents of today do, or with `old` as they did before. */
export async function announce(
  tracker: string,
  digest: string,
  hash: string,
  peer: Peer,
  old = false,
): Promise<Announced> {
  const body = JSON.stringify({ name: digest.slice(7), digest, info_hash: [...Buffer.from(hash, 'hex')], peer });
  const answer = old
    ? await getWithBody(`${tracker}/announce`, body)
    : await fetch(`${tracker}/announce/${hash}`, { method: 'POST', body });
  const { status } = answer;
  return { ...(status === 200 ? ((await answer.json()) as Announced) : { peers: null, interval: 0 }), status };
}

/** Browsers' fetch has no body for GET. */
async function getWithBody(url: string, body: string): Promise<{ status: number; json(): Promise<unknown> }> {
  const { request } = await import('node:http');
  return new Promise((resolve, reject) => {
    const call = request(url, { method: 'GET', headers: { 'Content-Length': Buffer.byteLength(body) } }, (answer) => {
      let text = '';
      answer.setEncoding('utf8').on('data', (part: string) => {
        text += part;
      });
      answer.on('end', () => resolve({ status: answer.statusCode ?? 0, json: async () => JSON.parse(text) }));
    });
    call.on('error', reject).end(body);
  });
}

export function redis({ redis: { name } }: Stage, ...words: string[]): Promise<string> {
  return docker('exec', name, 'redis-cli', ...words);
}

async function codeOf(answer: Response): Promise<string | undefined> {
  return ((await answer.json()) as { errors: { code: string }[] }).errors[0]?.code;
}

const tracker = (stage: Stage, node: number) => at(stage, node, ports.tracker);
const agent = (stage: Stage) => at(stage, 0, ports.agent);
const agentServer = (stage: Stage) => at(stage, 0, ports.agentServer);

async function pushed(stage: Stage, repository: string) {
  const image = makeImage(repository, 'one');
  await pushImage(proxy(stage, 0), image);
  return image;
}

export const swarmRules: Rule[] = [
  {
    title:
      'an announce is kept in Redis: set peerset:<info hash>:<start of the hour>, member <peer id>:<ip>:<port>:<complete>, gone after 5 hours',
    async check(stage) {
      const { layer } = await pushed(stage, 'contract/announced');
      const [hash, peer] = [randomHash(), makePeer(1)];
      const hour = Math.floor(Date.now() / 3_600_000) * 3_600;
      expectEqual((await announce(tracker(stage, 0), layer.digest, hash, peer)).status, 200, 'status');
      const key = await redis(stage, 'keys', `peerset:${hash}:*`);
      expect(key === `peerset:${hash}:${hour}` || Date.now() % 3_600_000 < 5_000, `key ${key}`);
      const member = `${Buffer.from(peer.peer_id).toString('hex')}:${peer.ip}:${peer.port}:0`;
      expectEqual(await redis(stage, 'smembers', key), member, 'members');
      const left = Number(await redis(stage, 'ttl', key));
      expect(left > 4 * 3_600 - 10 && left <= 5 * 3_600, `expires in ${left} s`);
    },
  },
  {
    title:
      'an announce answers with origins and the peers that other trackers heard of, and an interval in nanoseconds',
    async check(stage) {
      const { layer } = await pushed(stage, 'contract/handout');
      const hash = randomHash();
      const [first, second] = [makePeer(2), makePeer(3)];
      await announce(tracker(stage, 0), layer.digest, hash, first);
      const { peers, interval } = await announce(tracker(stage, 1), layer.digest, hash, second);
      expectEqual(interval, 3_000_000_000, 'interval');
      expect(peers?.some(({ ip }) => ip === first.ip) ?? false, `the other peer is not in ${JSON.stringify(peers)}`);
      const origins = peers?.filter(({ origin }) => origin) ?? [];
      expectEqual(
        origins.map(({ port, complete }) => [port, complete]),
        [
          [ports.originPeer, true],
          [ports.originPeer, true],
        ],
        'origins',
      );
    },
  },
  {
    title: 'the older GET /announce works too, and a complete peer gets no peers',
    async check(stage) {
      const { layer } = await pushed(stage, 'contract/older');
      const hash = randomHash();
      const { status, peers } = await announce(tracker(stage, 0), layer.digest, hash, makePeer(4, true), true);
      expectEqual([status, peers], [200, null], 'answer');
      expect(
        (await redis(stage, 'smembers', await redis(stage, 'keys', `peerset:${hash}:*`))).endsWith(':1'),
        'member',
      );
    },
  },
  {
    title: 'a malformed announce is answered with 500',
    async check(stage) {
      const post = (path: string, body: string) => fetch(`${tracker(stage, 0)}${path}`, { method: 'POST', body });
      expectEqual((await post(`/announce/${randomHash()}`, 'no json')).status, 500, 'no JSON');
      expectEqual((await post('/announce/abc', '{}')).status, 500, 'short hash');
    },
  },
  {
    title: 'without peerstore.redis.enabled the address is ignored, and peers are known to one tracker alone',
    async check(stage) {
      const { layer } = await pushed(stage, 'contract/local');
      const [hash, peer] = [randomHash(), makePeer(5)];
      const node = stage.nodes[1]!;
      const flags = ['--config', '/etc/krakenctl/production.yaml', '--port', '9081'];
      const peerstore = { redis: { addr: `${stage.redis.address}:6379` } };
      const name = await startPart(stage, node, 'tracker', {
        name: `${partName(node, 'tracker')}-local`,
        flags,
        config: { peerstore },
      });
      try {
        const local = at(stage, 1, 9081);
        await eventually(async () => expectEqual((await fetch(`${local}/health`)).status, 200, 'health'));
        expectEqual((await announce(local, layer.digest, hash, peer)).status, 200, 'status');
        expectEqual(await redis(stage, 'keys', `peerset:${hash}:*`), '', 'keys in Redis');
        const ips = async (base: string) =>
          (await announce(base, layer.digest, hash, makePeer(6))).peers?.map(({ ip }) => ip);
        expect((await ips(local))?.includes(peer.ip) ?? false, 'its own peer is not known to it');
        expect(!(await ips(tracker(stage, 0)))?.includes(peer.ip), 'another tracker knows its peer');
      } finally {
        await docker('rm', '-fv', name);
      }
    },
  },
  {
    title: 'a tracker answers for a blob how it is cut into pieces; 404 for one that nobody has',
    async check(stage) {
      const { layer } = await pushed(stage, 'contract/metainfo');
      const ask = (digest: string) => fetch(`${tracker(stage, 0)}/namespace/any/blobs/${digest}/metainfo`);
      const { Info } = (await (await ask(layer.digest)).json()) as {
        Info: { Name: string; Length: number; PieceSums: number[] };
      };
      expectEqual([Info.Name, Info.Length, Info.PieceSums.length], [layer.hex, layer.bytes.length, 1], 'metainfo');
      expectEqual((await ask(`sha256:${'0'.repeat(64)}`)).status, 404, 'for an unknown one');
    },
  },
  {
    title: 'an agent pulls by tag and by digest, and is then known in Redis as a complete peer',
    async check(stage) {
      const image = await pushed(stage, 'contract/agent');
      const before = new Set((await redis(stage, 'keys', 'peerset:*')).split('\n'));
      await pullImage(agent(stage), image, image.tag);
      await pullImage(agent(stage), image, image.manifest.digest);
      const { address } = stage.nodes[0]!;
      const peerId = createHash('sha1').update(`${address}:${ports.agentPeer}`).digest('hex');
      await eventually(async () => {
        const keys = (await redis(stage, 'keys', 'peerset:*')).split('\n').filter((key) => !before.has(key));
        const members = await Promise.all(keys.map((key) => redis(stage, 'smembers', key)));
        const complete = members.filter((member) => member.includes(`${peerId}:${address}:${ports.agentPeer}:1`));
        expectEqual(complete.length, 3, `sets with the agent complete among ${members.join(' | ')}`);
      });
    },
  },
  {
    title: 'an agent answers 404 for a tag that nobody pushed, and takes no pushes',
    async check(stage) {
      expectEqual((await fetch(`${agent(stage)}/v2/contract/agent/manifests/none`)).status, 404, 'unknown tag');
      const { status } = await startUpload(agent(stage), 'contract/agent');
      expect(status >= 400, `a push is answered with ${status}`);
    },
  },
  {
    title: 'a digest that nobody has is 500 "unknown error" at an agent, not 404',
    async check(stage) {
      const digest = `sha256:${createHash('sha256').update(randomHash()).digest('hex')}`;
      for (const path of [`manifests/${digest}`, `blobs/${digest}`]) {
        const answer = await fetch(`${agent(stage)}/v2/contract/nobody/${path}`);
        expectEqual([answer.status, await codeOf(answer)], [500, 'UNKNOWN'], path);
      }
    },
  },
  {
    title: "an agent's server port answers for tags and blobs, and 404 for unknown ones",
    async check(stage) {
      const image = await pushed(stage, 'contract/served');
      const tag = await fetch(`${agentServer(stage)}/tags/${encodeURIComponent('contract/served:one')}`);
      expectEqual([tag.status, await tag.text()], [200, image.manifest.digest], 'tag');
      expectEqual(
        (await fetch(`${agentServer(stage)}/tags/${encodeURIComponent('contract/served:none')}`)).status,
        404,
        'unknown tag',
      );
      await expectBytes(await fetch(`${agentServer(stage)}/namespace/any/blobs/${image.layer.digest}`), image.layer);
      const unknown = await fetch(`${agentServer(stage)}/namespace/any/blobs/sha256:${'1'.repeat(64)}`);
      expectEqual(unknown.status, 404, 'unknown blob');
    },
  },
  {
    title:
      'allowed_cidrs replace those of the base: others get 403 from the registry port, the server port asks nobody',
    async check(stage) {
      const node = stage.nodes[1]!;
      const config = { allowed_cidrs: ['192.0.2.0/24'] };
      const name = await startPart(stage, node, 'agent', { config });
      try {
        const server = at(stage, 1, ports.agentServer);
        await eventually(async () => expectEqual((await fetch(`${server}/health`)).status, 200, 'server port'));
        await eventually(async () =>
          expectEqual((await fetch(`${at(stage, 1, ports.agent)}/v2/`)).status, 403, 'registry port'),
        );
        expectEqual((await fetch(`${at(stage, 1, ports.agent)}/health`)).status, 403, '/health on the registry port');
        const script = `exec 3<>/dev/tcp/127.0.0.1/${ports.agent}; printf 'GET /v2/ HTTP/1.0\\r\\n\\r\\n' >&3; head -1 <&3`;
        const local = await docker('exec', name, 'bash', '-c', script);
        expect(local.includes('403'), `127.0.0.1, which the base allows, gets ${local}`);
      } finally {
        await docker('rm', '-fv', name);
      }
    },
  },
  {
    title: 'the preload hook of an agent that reaches no Docker, or that is given no tag, is answered with 500',
    async check(stage) {
      for (const tag of ['contract/agent:one', 'contract']) {
        const answer = await fetch(`${agentServer(stage)}/preload/tags/${encodeURIComponent(tag)}`);
        expectEqual(answer.status, 500, tag);
      }
    },
  },
];
