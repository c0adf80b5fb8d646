import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { configurationOf, flagsOf, ports, type Tree, toYaml } from './configurations';
import { docker, type Ended, eventually, tryDocker } from './docker';
import type { Images, Part } from './images';

/** Containers on a network of their own: each node is one network place (an address), which all its parts share. */
export interface Node {
  name: string;
  hostname: string;
  address: string;
}

export interface Stage {
  images: Images;
  network: string;
  folder: string;
  nodes: Node[];
  redis: Node;
  /** Environment of all parts. */
  env: string[];
}

export interface PartRun {
  /** The node's name and part, unless said otherwise. */
  name?: string;
  /** Merged over the usual configuration; undefined values take keys out. */
  config?: Tree | string;
  /** Beside its configuration, by name. */
  files?: Record<string, string>;
  /** Instead of the usual flags. */
  flags?: string[];
  /** Instead of an empty /tmp with each start. */
  keepTmp?: boolean;
}

const nodeCount = 3;
const capabilities = ['CHOWN', 'DAC_OVERRIDE', 'SETGID', 'SETUID'];

/** Nodes without parts, and a Redis. */
export async function openStage(images: Images, env: string[] = []): Promise<Stage> {
  const network = `kraken-contract-${process.pid}-${Date.now() % 100_000}`;
  const subnet = await createNetwork(network);
  const folder = mkdtempSync(join(tmpdir(), 'kraken-contract-'));
  const place = (name: string, last: number): Node => ({
    name: `${network}-${name}`,
    hostname: name,
    address: `${subnet}.${last}`,
  });
  const nodes = Array.from({ length: nodeCount }, (_, index) => place(`node-${index + 1}`, index + 11));
  const stage: Stage = { images, network, folder, env, nodes, redis: place('redis', 10) };
  await Promise.all([
    ...nodes.map((node) => runPlace(stage, node, images.testfs, ['sleep', '3600'])),
    runPlace(stage, stage.redis, images.redis, ['redis-server', '--save', '', '--protected-mode', 'no']),
  ]);
  return stage;
}

/** The first of a few private networks that nothing here uses yet. */
async function createNetwork(name: string): Promise<string> {
  let last = '';
  for (let third = 1; third < 40; third += 1) {
    const subnet = `10.213.${third}`;
    const made = await tryDocker([
      'network',
      'create',
      '--label',
      'kraken-contract',
      '--subnet',
      `${subnet}.0/24`,
      name,
    ]);
    if (made.code === 0) return subnet;
    last = made.err;
  }
  throw new Error(last);
}

async function runPlace({ network }: Stage, node: Node, image: string, command: string[]): Promise<void> {
  const { name, hostname, address } = node;
  const place = ['--network', network, '--ip', address, '--hostname', hostname];
  await docker('run', '-d', '--init', '--name', name, '--label', 'kraken-contract', ...place, image, ...command);
}

export async function closeStage({ network, folder }: Stage): Promise<void> {
  const ids = await docker('ps', '-aq', '--filter', `name=^${network}-`);
  // Places last: their parts live in their network.
  if (ids !== '') await tryDocker(['rm', '-fv', ...ids.split('\n')]);
  await tryDocker(['network', 'rm', network]);
  rmSync(folder, { recursive: true, force: true });
}

/** Three whole nodes and an agent on the first, all healthy. */
export async function startCluster(stage: Stage): Promise<void> {
  const everywhere = (part: Part) => Promise.all(stage.nodes.map((node) => startPart(stage, node, part)));
  await everywhere('testfs');
  await everywhere('origin');
  await Promise.all([everywhere('tracker'), everywhere('build-index')]);
  await Promise.all([everywhere('proxy'), startPart(stage, stage.nodes[0]!, 'agent')]);
  await eventually(async () => {
    for (const node of stage.nodes)
      for (const port of healthPorts(node === stage.nodes[0])) await expectHealthy(node, port);
  }, 40_000);
}

function healthPorts(hasAgent: boolean): number[] {
  const { testfs, origin, tracker, buildIndex, proxy, agent } = ports;
  return [testfs, origin, tracker, buildIndex, proxy, ...(hasAgent ? [agent] : [])];
}

async function expectHealthy({ address, name }: Node, port: number): Promise<void> {
  const answer = await fetch(`http://${address}:${port}/health`);
  if (answer.status !== 200) throw new Error(`${name}:${port} answers ${answer.status} to /health`);
}

export function partName(node: Node, part: Part): string {
  return `${node.name}-${part}`;
}

/** Starts a part on a node, and does not wait for it. */
export async function startPart(stage: Stage, node: Node, part: Part, run: PartRun = {}): Promise<string> {
  const name = run.name ?? partName(node, part);
  await docker('run', '-d', ...argumentsOf(stage, node, part, { ...run, name }));
  return name;
}

/** Runs a part that is expected to end by itself. */
export async function runToEnd(stage: Stage, part: Part, run: PartRun = {}): Promise<Ended> {
  const node = stage.nodes[0]!;
  const name = `${node.name}-${part}-${Math.random().toString(36).slice(2, 8)}`;
  const ended = await tryDocker(['run', ...argumentsOf(stage, node, part, { ...run, name })], 15_000);
  await tryDocker(['rm', '-fv', name]);
  return ended;
}

function argumentsOf(stage: Stage, node: Node, part: Part, run: PartRun & { name: string }): string[] {
  const folder = join(stage.folder, run.name);
  mkdirSync(folder, { recursive: true });
  if (part !== 'testfs') writeFileSync(join(folder, 'production.yaml'), configText(stage, part, run.config));
  for (const [file, text] of Object.entries(run.files ?? {})) writeFileSync(join(folder, file), text);
  const config = part === 'testfs' ? [] : ['--config', '/etc/krakenctl/production.yaml'];
  return [
    ...['--name', run.name, '--label', 'kraken-contract', '--network', `container:${node.name}`],
    ...['--cap-drop', 'ALL', ...capabilities.flatMap((it) => ['--cap-add', it])],
    ...(run.keepTmp || part === 'testfs' ? [] : ['--tmpfs', '/tmp']),
    ...stage.env.flatMap((it) => ['-e', it]),
    ...['-v', `${folder}:/etc/krakenctl:ro`, stage.images[part], `/usr/bin/kraken-${part}`],
    ...(run.flags ?? [...config, ...flagsOf(part, node.address)]),
  ];
}

function configText(stage: Stage, part: Exclude<Part, 'testfs'>, over: Tree | string = {}): string {
  if (typeof over === 'string') return over;
  const addresses = { nodes: stage.nodes.map(({ address }) => address), redis: `${stage.redis.address}:6379` };
  const tree = { ...configurationOf(part, addresses), ...over };
  return toYaml(Object.fromEntries(Object.entries(tree).filter(([, value]) => value !== undefined)));
}

/** Power off: all parts of the node are gone at once, and its address with them. */
export async function killNode(node: Node): Promise<void> {
  const ids = await docker('ps', '-q', '--filter', `name=^${node.name}`);
  await tryDocker(['kill', ...ids.split('\n')]);
}
