import { spawnSync } from 'node:child_process';
import { chmodSync, existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createAgentHost } from '../../../../src/clients/agent-host';
import type { SshConnection } from '../../../../src/clients/ssh';
import { agentRelease } from '../../../../src/cluster/agents/release';
import { installScript } from '../../../../src/cluster/render/agent/install';
import { exampleSpec } from '../../../support/cluster';

/** Which image a release runs from: its own, by digest or by the id that came with it, and none of another release. */
const release = agentRelease(exampleSpec(), `sha256:${'a'.repeat(64)}`, { owner: 'owner' });
const wanted = release.image.runnable;
const [oldId, ownId] = ['b', 'c'].map((c) => `sha256:${c.repeat(64)}`) as [string, string];

let machine: string;
let base: string;
let here: string;
beforeEach(() => {
  machine = mkdtempSync(join(tmpdir(), 'krakenctl-image-'));
  base = join(machine, 'var/lib/kraken/cluster/agent');
  here = join(base, 'releases', release.id);
  for (const folder of [here, join(here, 'systemd'), join(machine, 'usr/local/bin'), join(machine, 'bin')])
    mkdirSync(folder, { recursive: true });
  for (const folder of ['etc/systemd/system', 'etc/kraken', 'var/log/kraken', 'run'])
    mkdirSync(join(machine, folder), { recursive: true });
  program('docker', dockerProgram);
  program('systemctl', `echo "systemctl $*" >> "${machine}/calls"`);
  program('getent', 'echo 10.0.1.10 STREAM');
  program('ip', 'echo "10.0.1.10 dev eth9 src 10.0.2.7 uid 0"');
  program('ss', 'echo LISTEN');
});
afterEach(() => rmSync(machine, { recursive: true }));

/** $MACHINE/images: what the engine has; $MACHINE/container: release and image of the one that runs. */
const dockerProgram = `case "$1 $2" in
"image inspect") shift; for word in "$@"; do last=$word; done; grep -qxF "$last" "$MACHINE/images" ;;
"ps "*) : ;;
"run "*) echo "$@" ;;
"inspect "*) read -r release image < "$MACHINE/container"
  case "$*" in
    *State.Status*) echo "container $release running 2026-11-23T00:00:00Z $image" ;;
    *) echo "true $release $image" ;;
  esac ;;
esac`;

function program(name: string, text: string): void {
  writeFileSync(join(machine, 'bin', name), `#!/bin/sh\n${text}\n`);
  chmodSync(join(machine, 'bin', name), 0o755);
}

/** Absolute paths lead below the machine's folder. */
const placed = (text: string) =>
  text.replaceAll(
    /(?<![\w.$}])\/(var\/lib\/kraken|etc\/kraken|etc\/systemd|usr\/local\/bin|var\/log\/kraken|run\/krakenctl)/g,
    `${machine}/$1`,
  );

function sh(text: string, input = '') {
  const env = { PATH: `${join(machine, 'bin')}:${process.env.PATH}`, MACHINE: machine };
  const { stdout, stderr, status } = spawnSync('sh', ['-c', text], { env, input });
  return { stdout: `${stdout}`, stderr: `${stderr}`, status };
}

const put = (path: string, text: string) => writeFileSync(join(machine, path), `${text}\n`);
const beside = (id: string) => writeFileSync(join(base, 'image.id'), `${id}\n`);
const inRelease = (id: string) => writeFileSync(join(here, 'image.id'), `${id}\n`);

function layRelease(): void {
  for (const name of ['run', 'activate'])
    writeFileSync(join(here, name), placed(release.files.find(({ path }) => path === name)!.contents));
  writeFileSync(join(here, 'systemd/kraken-agent.service'), '[Unit]\nX-Krakenctl-Cluster=cluster\n');
  sh(`cd ${here} && sha256sum run activate > sums`);
}

test.each<[string, string[], () => void, string]>([
  ['by its digest', [wanted, ownId], () => inRelease(ownId), wanted],
  ['by the id that came with it, where the engine has no digest', [ownId, oldId], () => inRelease(ownId), ownId],
  ['not by the id that came with another release', [oldId], () => beside(oldId), wanted],
])('a release starts from its image %s', (_, images, lay, started) => {
  put('images', images.join('\n'));
  layRelease();
  lay();
  expect(sh(`sh ${here}/run`).stdout).toContain(` ${started} /usr/bin/kraken-agent `);
});

test.each<[string, string, () => void, boolean]>([
  ['its image goes on', wanted, () => undefined, false],
  ['the id that came with it goes on', ownId, () => inRelease(ownId), false],
  ['the image of an older release is started anew', oldId, () => beside(oldId), true],
])('activated, what runs from %s', (_, image, lay, isRestarted) => {
  put('images', [wanted, ownId, oldId].join('\n'));
  put('container', `${release.id} ${image}`);
  layRelease();
  lay();
  expect(sh(`sh ${here}/activate`)).toMatchObject({ status: 0, stdout: expect.stringMatching(release.id) });
  expect(readFileSync(join(machine, 'calls'), 'utf8').includes('systemctl restart kraken-agent')).toBe(isRestarted);
});

/** The client's own programs, run here in place of a VM. */
const host = () => {
  const exec = async (command: string, { input }: { input: string }) => {
    const { stdout, status, stderr } = sh(placed(command), input);
    if (status !== 0) throw new Error(`${status}: ${stderr}`);
    return { stdout: Buffer.from(stdout) };
  };
  return createAgentHost({ host: 'vm', exec } as unknown as SshConnection, '');
};

test.each<[string, { images: string[]; runs: string }, () => void, { image: boolean; isWanted: boolean }]>([
  ['its image by digest', { images: [wanted], runs: wanted }, () => undefined, { image: true, isWanted: true }],
  [
    'the id that came with it',
    { images: [ownId], runs: ownId },
    () => inRelease(ownId),
    { image: true, isWanted: true },
  ],
  [
    'the image of an older release',
    { images: [oldId], runs: oldId },
    () => beside(oldId),
    { image: false, isWanted: false },
  ],
])('seen of a VM that has %s', async (_, { images, runs }, lay, { image, isWanted }) => {
  put('images', images.join('\n'));
  put('container', `${release.id} ${runs}`);
  lay();
  const seen = await host().observe({ cluster: 'cluster', release: release.id, image: wanted, ports: [], ways: [] });
  expect(seen).toMatchObject({ image, container: { release: release.id, image: runs, isWanted } });
});

test('activated over SSH, no image of an older krakenctl is left in force; while that fails, its release can still start', async () => {
  put('images', wanted);
  put('container', `${release.id} ${wanted}`);
  layRelease();
  beside(oldId);
  writeFileSync(join(here, 'sums'), `${'0'.repeat(64)}  run\n`);
  const the = { release: release.id, owner: 'owner' };
  await expect(host().activate('cluster', the)).rejects.toThrow('65');
  expect(existsSync(join(base, 'image.id'))).toBe(true);
  layRelease();
  await host().activate('cluster', the);
  expect(existsSync(join(base, 'image.id'))).toBe(false);
});

describe('/install', () => {
  /** What is fetched is this release; what was there is `old`, of an older krakenctl, with its image's id beside it. */
  const install = (words: string) => {
    const old = join(base, 'releases/old');
    mkdirSync(old, { recursive: true });
    writeFileSync(join(old, 'activate'), `cat "${base}/image.id" > ${machine}/started\n`);
    beside(oldId);
    mkdirSync(join(machine, 'tmp'));
    layRelease();
    sh(`tar -cf ${machine}/tmp/release.tar -C ${here} run activate sums && rm -rf ${here}`);
    const functions = placed(installScript(exampleSpec(), release)).replace(/main "\$@"\n$/, '');
    const state = `tmp=${machine}/tmp image=${ownId} previous=${old} brought=`;
    return sh(`${functions}\ndismissal() { :; }\n${state}\n${words}`);
  };

  test('the id of the image lies in the release that it came with', () => {
    expect(install('place; prune')).toMatchObject({ status: 0, stderr: '' });
    expect(readFileSync(join(here, 'image.id'), 'utf8')).toBe(`${ownId}\n`);
    expect(readFileSync(join(base, 'image.id'), 'utf8')).toBe(`${oldId}\n`);
  });

  test('the release that runs is never away while it is installed again', () => {
    const watched = (name: string) => `/bin/${name} "$@"; [ -e "${here}/activate" ] || : > "${machine}/away"`;
    for (const name of ['rm', 'mv']) program(name, watched(name));
    const again = `place; rm -f "${machine}/away"; echo changed > "$base/releases/$release/run"; place`;
    expect(install(again)).toMatchObject({ status: 0, stderr: '' });
    expect([existsSync(join(machine, 'away')), sh(`cd ${here} && sha256sum --quiet --check sums`).status]).toEqual([
      false,
      0,
    ]);
    expect(readFileSync(join(here, 'image.id'), 'utf8')).toBe(`${ownId}\n`);
  });

  test('what is put back starts from its own image, and is looked after as before', () => {
    expect(install('place; put_back')).toMatchObject({ status: 0, stderr: '' });
    expect(readFileSync(join(machine, 'started'), 'utf8')).toBe(`${oldId}\n`);
    expect([existsSync(here), existsSync(join(base, 'unattended'))]).toEqual([false, false]);
  });

  test('the id beside all releases goes with the last release that needs it', () => {
    install('place; prune; previous=$base/releases/$release; prune');
    expect(existsSync(join(base, 'image.id'))).toBe(false);
  });
});
