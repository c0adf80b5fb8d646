import { execFileSync } from 'node:child_process';
import { appendFileSync } from 'node:fs';
import { join } from 'node:path';
import { type Lab, type LabHost, labUp, preloadImages, resetLab } from '../../src/lab/lab';
import { closeLab, json, labName, must, onRealKraken, openLab, versions } from '../../test/support/lab';
import { onHost } from '../../test/support/observer';

/**
 * `npm run bench:p2p -- [--vms 10] [--megabytes 500] [--record]`: many agents pull one image at once, and the same VMs pull an image of the same
 * size from a plain registry (CNCF Distribution) in the same run. Bytes are counted by the kernel on each host's own interface. KRAKEN_IMAGES=real
 * takes real Kraken. The last line is JSON (decisions 29).
 */
function numberOf(name: string, fallback: number): number {
  const at = process.argv.indexOf(`--${name}`);
  const text = at < 0 ? String(fallback) : (process.argv[at + 1] ?? '');
  if (!/^[1-9]\d{0,4}$/.test(text)) throw new Error(`--${name} ${text}: expected a whole number above 0`);
  return Number(text);
}

const say = (text: string) => console.error(` ▸ ${text}`);

async function main(): Promise<void> {
  const [count, megabytes] = [numberOf('vms', 10), numberOf('megabytes', 500)];
  await openLab();
  try {
    const images = onRealKraken ? 'real' : 'stand-in';
    const lab = await labUp({ name: labName, nodes: 3, vms: count, images, krakenVersions: versions });
    await resetLab(lab);
    await preloadImages(lab, { versions });
    say('deploying the cluster and the agents');
    await must(['deploy', '--yes']);
    const vms = lab.hosts.filter((h) => h.name.startsWith('vm-'));
    await must(['agent', 'deploy', ...vms.map((vm) => vm.address)]);
    const node = lab.hosts[0]!;
    say(`pushing ${megabytes} MB through a load balancer`);
    const digest = await push(node, `127.0.0.1:5000/bench/p2p:1`, megabytes);
    const p2p = await measure(lab, vms, async () => {
      const pulls = await json<{ ok: boolean; digest: string; via: string }[]>(
        ['agent', 'pull', `bench/p2p@${digest}`, '--all'],
        { timeoutMs: 900_000 },
      );
      const wrong = pulls.data.filter((p) => !p.ok || p.digest !== digest || p.via !== 'agent');
      if (wrong.length > 0 || pulls.data.length !== count) throw new Error(`not all have it: ${JSON.stringify(wrong)}`);
    });
    say(`p2p: ${JSON.stringify(p2p)}`);
    const plainName = `${lab.registry.fromHosts}/bench/plain:1`;
    say('the same size from a plain registry');
    await push(node, plainName, megabytes);
    const plain = await measure(lab, vms, async () => {
      await Promise.all(vms.map((vm) => onHost(vm.container, ['docker', 'pull', '-q', plainName])));
    });
    say(`plain: ${JSON.stringify(plain)}`);
    const fromPeers = 1 - p2p.sentByNodes / p2p.receivedByVms;
    report({ count, megabytes, p2p, plain, fromPeers });
  } finally {
    await closeLab();
  }
}

/** An image of one layer that does not compress, made and pushed on a host; resolves with its digest. */
async function push(host: LabHost, name: string, megabytes: number): Promise<string> {
  const make =
    'd=$(mktemp -d); head -c "$1"M /dev/urandom > "$d/data"; tar -C "$d" -c data | docker import - "$2" > /dev/null; rm -rf "$d"; docker push -q "$2" > /dev/null; docker image inspect --format "{{index .RepoDigests 0}}" "$2"';
  const found = await onHost(host.container, ['sh', '-c', make, 'sh', String(megabytes), name]);
  return found.trim().split('@')[1]!;
}

interface Measured {
  seconds: number;
  sentByNodes: number;
  receivedByVms: number;
}

async function measure(lab: Lab, vms: LabHost[], work: () => Promise<void>): Promise<Measured> {
  const nodes = lab.hosts.filter((h) => h.name.startsWith('node-'));
  const count = async (hosts: LabHost[], what: 'rx' | 'tx') => {
    const path = `/sys/class/net/eth0/statistics/${what}_bytes`;
    const texts = await Promise.all(hosts.map((h) => onHost(h.container, ['cat', path])));
    return texts.reduce((sum, text) => sum + Number(text), 0);
  };
  // What the push still moves between the nodes is over when they are quiet.
  for (let before = await count(nodes, 'tx'); ; ) {
    await new Promise((resolve) => setTimeout(resolve, 2000));
    const now = await count(nodes, 'tx');
    if (now - before < 2 ** 20) break;
    before = now;
  }
  const before = { nodes: await count(nodes, 'tx'), vms: await count(vms, 'rx') };
  const startedAt = Date.now();
  await work();
  const seconds = Math.round((Date.now() - startedAt) / 100) / 10;
  const after = { nodes: await count(nodes, 'tx'), vms: await count(vms, 'rx') };
  return { seconds, sentByNodes: after.nodes - before.nodes, receivedByVms: after.vms - before.vms };
}

interface Result {
  count: number;
  megabytes: number;
  p2p: Measured;
  plain: Measured;
  fromPeers: number;
}

function report({ count, megabytes, p2p, plain, fromPeers }: Result): void {
  const line = JSON.stringify({
    name: 'bench:p2p',
    commit: execFileSync('git', ['rev-parse', '--short', 'HEAD']).toString().trim(),
    images: onRealKraken ? 'real' : 'stand-in',
    measured: { vms: count, megabytes, p2p, plain, fromPeers: Math.round(fromPeers * 1000) / 1000 },
    ratios: { plainToP2pSeconds: Math.round((plain.seconds / p2p.seconds) * 100) / 100 },
    targets: { fromPeers: { min: 0.8 } },
    met: fromPeers >= 0.8,
  });
  if (process.argv.includes('--record'))
    appendFileSync(join(__dirname, '..', '..', 'docs', 'evidence', 'bench-p2p.jsonl'), `${line}\n`);
  console.log(line);
}

void main().then(
  () => process.exit(0),
  (error) => {
    console.error(error);
    process.exit(1);
  },
);
