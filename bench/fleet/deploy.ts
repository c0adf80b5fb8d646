import { execFileSync, spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { appendFileSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type Lab, type LabHost, labUp, preloadImages, resetLab } from '../../src/lab/lab';
import { pushThrough, status } from '../../test/support/agents';
import { closeLab, krakenctl, labName, must, openLab, until, versions } from '../../test/support/lab';
import { observeContainers, onHost, tryOnHost } from '../../test/support/observer';

/**
 * `npm run bench:fleet -- [--vms 50] [--streams 4] [--forks 20] [--record]`: agents on real VMs of the lab, krakenctl against Ansible with
 * as many VMs at once; first with the image on the VMs, then brought there as an archive, against what SSH carries alone. Whole commands,
 * each from hosts as new, judged by the same observer. The last line is JSON (decisions 29).
 */
function numberOf(name: string, fallback: number): number {
  const at = process.argv.indexOf(`--${name}`);
  const text = at < 0 ? String(fallback) : (process.argv[at + 1] ?? '');
  if (!/^[1-9]\d{0,3}$/.test(text)) throw new Error(`--${name} ${text}: expected a whole number above 0`);
  return Number(text);
}

const say = (text: string) => console.error(` ▸ ${text}`);
const data = mkdtempSync(join(tmpdir(), 'krakenctl-bench-'));
const container = `kraken-${labName}-agent`;
const places = ['/etc/kraken', `/var/lib/kraken/${labName}/agent`, '/usr/local/bin/kraken-pull'];
const byChance = ['choice', 'cache', 'epoch-agents'];

interface Timed {
  cold: number;
  again: number;
}

async function main(): Promise<void> {
  const [count, streams, forks] = [numberOf('vms', 50), numberOf('streams', 4), numberOf('forks', 20)];
  await openLab();
  try {
    say(`${count} VMs`);
    const lab = await labUp({ name: labName, nodes: 3, vms: count, images: 'stand-in', krakenVersions: versions });
    await resetLab(lab);
    await preloadImages(lab);
    const vms = lab.hosts.filter((h) => h.name.startsWith('vm-'));
    say('python on the VMs, which Ansible needs (not timed)');
    await pythonOn(vms);
    await must(['deploy', '--yes', '--no-agents']);
    const digest = await pushThrough(lab.hosts[0]!.container, 'bench/sentinel:1', 'sentinel');
    const mine = (hosts: LabHost[]) => timed(() => must(deployOf(hosts, forks), { timeoutMs: 1_800_000 }));
    await must(deployOf(vms.slice(0, 1), forks));
    const reference = await describe(vms[0]!);
    const peer = await ansibleOf(lab, vms[0]!, { forks, sentinel: `bench/sentinel@${digest}` });

    say('image on the VMs');
    const present: Record<string, Timed> = {};
    for (const [name, deploy] of [
      ['krakenctl', mine],
      ['ansible', peer],
    ] as const) {
      await clean(vms);
      const cold = await deploy(vms);
      await expectAll(vms, reference);
      const before = await touched(vms);
      const again = await deploy(vms);
      if ((await touched(vms)) !== before) throw new Error(`${name}: the second run touched containers`);
      present[name] = { cold, again };
      say(`${name}: ${JSON.stringify(present[name])}`);
    }

    say(`image streamed to ${streams} VMs`);
    const few = vms.slice(0, streams);
    const archive = await archiveOf(lab);
    const bytes = Number(spawnSync('stat', ['-c', '%s', archive]).stdout);
    const streamed: Record<string, number> = {};
    const ways: [string, () => Promise<number>][] = [
      ['bare', () => timed(() => throughSsh(lab, few, archive, 'cat > /dev/null'))],
      ['bareAndLoad', () => timed(() => throughSsh(lab, few, archive, 'docker load -q > /dev/null'))],
      ['krakenctl', () => mineStreamed(lab, few, forks)],
      ['ansible', () => peer(few)],
    ];
    for (const [name, way] of ways) {
      await clean(few);
      await Promise.all(few.map((vm) => tryOnHost(vm.container, ['sh', '-c', 'docker rmi -f $(docker images -q)'])));
      streamed[name] = await way();
      if (!name.startsWith('bare')) await expectAll(few, { ...reference, image: undefined });
      say(`${name}: ${streamed[name]} s, ${Math.round((bytes * streams) / streamed[name]! / 1e5) / 10} MB/s`);
    }
    report({ count, streams, forks, bytes, present, streamed });
  } finally {
    await closeLab();
    rmSync(data, { recursive: true, force: true });
  }
}

const deployOf = (hosts: LabHost[], forks: number) => [
  ...['agent', 'deploy', ...hosts.map((vm) => vm.address)],
  ...['--concurrency', String(forks)],
];

async function timed(work: () => Promise<unknown>): Promise<number> {
  const started = performance.now();
  await work();
  return Math.round((performance.now() - started) / 10) / 100;
}

/** As new, but for images; the cluster's record names no agent. */
async function clean(vms: LabHost[]): Promise<void> {
  await must(['agent', 'remove', '--all', '--yes'], { timeoutMs: 900_000 }).catch(() => undefined);
  await Promise.all(vms.map((vm) => onHost(vm.container, ['lab-reset'])));
}

interface Description {
  files: string;
  image?: string;
  units: string;
  memory: number;
}

/** What was agreed to be there at the end, by the observer. */
async function describe(vm: LabHost): Promise<Description> {
  const found = (await observeContainers(vm.container))[container];
  if (found?.state !== 'running') throw new Error(`${vm.name}: the agent does not run`);
  const skip = byChance.flatMap((name) => ['!', '-path', `*/${name}*`]);
  const sums = await onHost(
    vm.container,
    ['sh', '-c', 'find "$@" -type f -exec sha256sum {} + | sort', 'sh', ...places, ...skip].filter(
      (word) => word !== '',
    ),
  );
  const units = await tryOnHost(vm.container, [
    'sh',
    '-c',
    'systemctl is-active kraken-agent kraken-relay-1.socket kraken-agent-log.timer; systemctl is-enabled kraken-agent kraken-relay-1.socket kraken-agent-log.timer',
  ]);
  return { files: sums, image: found.imageId, units: units.stdout, memory: found.memoryBytes };
}

async function expectAll(vms: LabHost[], wanted: Description): Promise<void> {
  await Promise.all(
    vms.map(async (vm) => {
      await until(`${vm.name} serves`, async () =>
        (await status(vm.container, 'http://127.0.0.1:8091/readiness')) === 200 ? true : undefined,
      );
      const found = await describe(vm);
      const is = JSON.stringify(wanted.image ? found : { ...found, image: undefined, files: '' });
      const should = JSON.stringify(wanted.image ? wanted : { ...wanted, files: '' });
      if (is !== should) throw new Error(`${vm.name} ended in another state than the reference:\n${is}\n${should}`);
    }),
  );
}

async function touched(vms: LabHost[]): Promise<string> {
  const all = await Promise.all(vms.map(async (vm) => (await observeContainers(vm.container))[container]));
  return createHash('sha256')
    .update(JSON.stringify(all.map((c) => [c?.id, c?.startedAt])))
    .digest('hex');
}

/** Installed on one and carried to the others: fifty package managers would take longer than the bench. */
async function pythonOn(vms: LabHost[]): Promise<void> {
  const [first, ...others] = vms;
  const isThere = async (vm: LabHost) => (await tryOnHost(vm.container, ['python3', '--version'])).code === 0;
  const program = readFileSync(join(__dirname, 'pack-python.sh'), 'utf8');
  if (!(await isThere(first!))) {
    const paths = await onHost(first!.container, ['sh', '-c', program]);
    await onHost(first!.container, ['sh', '-c', 'cat > /tmp/files'], paths);
  }
  const path = join(data, 'python.tar');
  execFileSync('sh', ['-c', `docker exec ${first!.container} tar -c -P -T /tmp/files > ${path}`]);
  for (const vm of others) {
    if (await isThere(vm)) continue;
    execFileSync('sh', ['-c', `docker exec -i ${vm.container} tar -x -P < ${path}`]);
    if (!(await isThere(vm))) throw new Error(`${vm.name}: python does not run`);
  }
}

interface AnsibleOptions {
  forks: number;
  sentinel: string;
}

async function ansibleOf(lab: Lab, from: LabHost, { forks, sentinel }: AnsibleOptions) {
  const files = join(data, 'agent.tar');
  const units = (await onHost(from.container, ['sh', '-c', 'ls /etc/systemd/system | grep ^kraken-']))
    .split('\n')
    .filter((name) => name !== '');
  const paths = [...places, ...units.map((name) => `/etc/systemd/system/${name}`)].map((path) => path.slice(1));
  const skip = byChance.map((name) => `--exclude=*/${name}`).join(' ');
  execFileSync('sh', ['-c', `docker exec ${from.container} tar -c -C / ${skip} ${paths.join(' ')} > ${files}`]);
  const image = (await onHost(from.container, ['docker', 'inspect', '--format', '{{.Image}}', container])).trim();
  const started = units.filter((name) => /\.(socket|timer)$/.test(name) || name === 'kraken-agent.service');
  const variables = join(data, 'variables.json');
  writeFileSync(
    variables,
    JSON.stringify({ files, image, units: started, sentinel, archive: join(data, 'image.tar') }),
  );
  return (vms: LabHost[]) => {
    const inventory = join(data, 'inventory.json');
    const hosts = Object.fromEntries(vms.map((vm) => [vm.name, { ansible_host: vm.address }]));
    writeFileSync(inventory, JSON.stringify({ vms: { hosts } }));
    const { PATH, HOME } = process.env;
    const env = {
      PATH,
      HOME,
      LANG: 'C.UTF-8',
      ANSIBLE_PIPELINING: 'True',
      ANSIBLE_FORKS: String(forks),
      ANSIBLE_REMOTE_USER: 'root',
      ANSIBLE_PRIVATE_KEY_FILE: lab.ssh.keyPath,
      ANSIBLE_PYTHON_INTERPRETER: '/usr/bin/python3',
      ANSIBLE_SSH_ARGS: `-o ControlMaster=auto -o ControlPersist=60s -o UserKnownHostsFile=${lab.ssh.knownHostsPath}`,
    };
    const argv = ['-i', inventory, '-e', `@${variables}`, join(__dirname, 'playbook.yml')];
    return timed(async () => {
      const run = spawnSync('ansible-playbook', argv, { env, maxBuffer: 1e9 });
      if (run.status !== 0)
        throw new Error(`ansible-playbook exited ${run.status}\n${run.stdout}\n${run.stderr}`.slice(-4000));
    });
  };
}

async function archiveOf(lab: Lab): Promise<string> {
  const path = join(data, 'image.tar');
  const reference = `${lab.images.krakenRepositories.agent}:${versions[0]}`;
  execFileSync('sh', ['-c', `docker save ${reference} > ${path}`]);
  return path;
}

/** What the same line carries without us: one OpenSSH stream a VM, all at once. */
function throughSsh(lab: Lab, vms: LabHost[], archive: string, command: string): Promise<void> {
  const one = (vm: LabHost) =>
    `ssh -i ${lab.ssh.keyPath} -o UserKnownHostsFile=${lab.ssh.knownHostsPath} root@${vm.address} '${command}' < ${archive} & p="$p $!"`;
  execFileSync('sh', ['-c', `p=; ${vms.map(one).join('\n')}\nfor i in $p; do wait $i || exit 1; done`]);
  return Promise.resolve();
}

async function mineStreamed(_lab: Lab, vms: LabHost[], forks: number): Promise<number> {
  return timed(async () => {
    const run = await krakenctl(deployOf(vms, forks), { env: { IMAGE_SOURCE: 'load' }, timeoutMs: 900_000 });
    if (run.code !== 0) throw new Error(run.stdout + run.stderr);
  });
}

interface Result {
  count: number;
  streams: number;
  forks: number;
  bytes: number;
  present: Record<string, Timed>;
  streamed: Record<string, number>;
}

function report({ present, streamed, bytes, ...sizes }: Result): void {
  const round = (n: number) => Math.round(n * 100) / 100;
  const mine = present.krakenctl!;
  const peer = present.ansible!;
  const ratios = {
    present: round(peer.cold / mine.cold),
    again: round(peer.again / mine.again),
    streamedToBare: round(streamed.bare! / streamed.krakenctl!),
    streamedToBareAndLoad: round(streamed.bareAndLoad! / streamed.krakenctl!),
    streamed: round(streamed.ansible! / streamed.krakenctl!),
  };
  const met = ratios.present >= 5 && ratios.streamedToBare >= 0.8;
  const line = JSON.stringify({
    name: 'bench:fleet',
    commit: execFileSync('git', ['rev-parse', '--short', 'HEAD']).toString().trim(),
    images: 'stand-in',
    measured: { ...sizes, megabytes: Math.round(bytes / 1e6), presentSeconds: present, streamedSeconds: streamed },
    ratios,
    targets: { present: { min: 5 }, streamedToBare: { min: 0.8 } },
    met,
  });
  if (process.argv.includes('--record'))
    appendFileSync(join(__dirname, '..', '..', 'docs', 'evidence', 'bench-fleet.jsonl'), `${line}\n`);
  console.log(line);
}

void main().then(
  () => process.exit(0),
  (error) => {
    console.error(error);
    process.exit(1);
  },
);
