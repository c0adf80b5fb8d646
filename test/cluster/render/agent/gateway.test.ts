import { execFileSync, spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { chmodSync, existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parse } from 'yaml';
import { createAgentHost } from '../../../../src/clients/agent-host';
import type { SshConnection } from '../../../../src/clients/ssh';
import { agentRelease } from '../../../../src/cluster/agents/release';
import { gatewayText, loginText } from '../../../../src/cluster/render/agent/gateway';
import { exampleSpec } from '../../../support/cluster';

const digest = `sha256:${'a'.repeat(64)}`;
const spec = exampleSpec((s) => void Object.assign(s, { auth: { key: '0123456789abcdef' } }));
const release = agentRelease(spec, digest, { owner: 'owner' });
const plain = agentRelease(exampleSpec(), digest, { owner: 'owner' });
const file = (path: string, of = release) => of.files.find((f) => f.path === path)?.contents;

describe('the ways of a VM to the load balancers, where logins are needed', () => {
  const conf = gatewayText(spec);
  const servers = [...conf.matchAll(/listen (\S+);\n.*\n\s+proxy_pass http:\/\/(\S+);/g)].map(([, from, to]) => [
    from,
    to,
  ]);
  const upstream = (name: string) => new RegExp(`upstream ${name} \\{\\n(.*?)\\n  \\}`, 's').exec(conf)![1]!;

  test('lead from loopback alone to each of them, images first', () => {
    expect(servers).toEqual([
      ['127.0.0.1:8095', 'images_1'],
      ['127.0.0.1:8096', 'images_2'],
      ['127.0.0.1:8097', 'images_3'],
      ['127.0.0.1:8098', 'agents_1'],
      ['127.0.0.1:8099', 'agents_2'],
      ['127.0.0.1:8100', 'agents_3'],
    ]);
  });

  test('lead to another where one is away: Kraken would take the 502 of a gateway for an answer', () => {
    expect(upstream('agents_2').match(/server \S+( backup)?/g)).toEqual([
      'server 10.0.1.11:5003',
      'server 10.0.1.10:5003 backup',
      'server 10.0.1.12:5003 backup',
    ]);
    expect(upstream('images_3')).toContain('server 10.0.1.12:5000 max_fails=1');
    expect(conf).toMatch(/proxy_next_upstream error timeout http_502/);
    const alone = gatewayText({ ...spec, loadBalancers: ['node-2'] });
    expect(alone).not.toContain('backup');
  });

  test('are what the agent and kraken-pull know, and nothing else', () => {
    const agent = parse(file('config/agent.yaml')!) as Record<string, { hosts: { static: string[] } }>;
    for (const upstream of ['tracker', 'build_index'])
      expect(agent[upstream]!.hosts.static).toEqual(['127.0.0.1:8098', '127.0.0.1:8099', '127.0.0.1:8100']);
    expect(file('kraken-pull.conf')).toContain('RELAYS=127.0.0.1:8095 127.0.0.1:8096 127.0.0.1:8097\n');
  });

  test('take the place of the relays, under a name that an older release takes away', () => {
    const units = (of = release) => of.files.map((f) => f.path).filter((path) => path.includes('kraken-relay'));
    expect(units()).toEqual(['systemd/kraken-relay-gateway.service']);
    expect(units(plain)).toHaveLength(6);
    expect(file('activate', plain)).toContain('/etc/systemd/system/kraken-relay-*');
  });

  test('no release holds a credential: it is the same on each VM', () => {
    const texts = release.files.map(({ contents }) => contents).join('');
    expect(texts).not.toMatch(/Basic [A-Za-z0-9]/);
    expect(file('gateway/nginx.conf')).toContain('include /etc/krakenctl-login/login.conf;');
  });

  test('run with three capabilities on a read-only root, and not without a credential', () => {
    const program = file('gateway-run')!;
    expect(program.match(/--cap-\S+ \S+/g)).toEqual([
      '--cap-drop ALL',
      '--cap-add CHOWN',
      '--cap-add SETGID',
      '--cap-add SETUID',
    ]);
    expect(program).toMatch(/--security-opt no-new-privileges --read-only/);
    execFileSync('sh', ['-n'], { input: program });
    execFileSync('sh', ['-n'], { input: file('activate') });
    execFileSync('sh', ['-n'], { input: file('deactivate') });
  });

  test('are there before the agent is started', () => {
    const activate = file('activate')!;
    expect(activate.indexOf('systemctl restart kraken-relay-gateway.service')).toBeGreaterThan(0);
    expect(activate.indexOf('systemctl restart kraken-relay-gateway.service')).toBeLessThan(
      activate.indexOf('systemctl restart kraken-agent.service'),
    );
  });

  test('change no release where nobody needs a login', () => {
    expect(plain.files.map((f) => f.path)).not.toContain('gateway-run');
    expect(file('deactivate', plain)).not.toContain('agent-login');
  });
});

/** The client's own program, run here in place of a VM. */
describe('the credential of a VM', () => {
  let machine: string;
  beforeEach(() => {
    machine = mkdtempSync(join(tmpdir(), 'krakenctl-login-'));
    for (const name of ['bin', 'run']) mkdirSync(join(machine, name));
    for (const [name, text] of Object.entries({
      docker: `[ "$1" != inspect ] || cat "${machine}/running" 2> /dev/null; echo "$*" >> "${machine}/calls"; [ "$1" != exec ] || [ ! -e "${machine}/deaf" ]`,
      sync: ':',
    })) {
      writeFileSync(join(machine, 'bin', name), `#!/bin/sh\n${text}\n`);
      chmodSync(join(machine, 'bin', name), 0o755);
    }
  });
  afterEach(() => rmSync(machine, { recursive: true }));

  const placed = (text: string) => text.replaceAll(/(?<![\w.$}])\/(etc\/kraken|run\/krakenctl)/g, `${machine}/$1`);
  const agent = () => {
    const exec = async (command: string, { input }: { input: string | Buffer }) => {
      const env = { PATH: `${join(machine, 'bin')}:${process.env.PATH}` };
      const { stdout, stderr, status } = spawnSync('sh', ['-c', placed(command)], { env, input });
      if (status !== 0) throw new Error(`${status}: ${stderr}`);
      return { stdout, stderr: `${stderr}` };
    };
    return createAgentHost({ host: 'vm', exec } as unknown as SshConnection, '');
  };
  const folder = () => join(machine, 'etc/kraken/c/agent-login');
  const calls = () => (existsSync(join(machine, 'calls')) ? readFileSync(join(machine, 'calls'), 'utf8') : '');

  test('is a file for root alone, written once', async () => {
    expect(await agent().giveLogin('c', loginText('Basic one'))).toEqual({ changed: true });
    expect(readFileSync(join(folder(), 'login.conf'), 'utf8')).toBe('proxy_set_header Authorization "Basic one";\n');
    expect(statSync(join(folder(), 'login.conf')).mode & 0o777).toBe(0o600);
    expect(statSync(folder()).mode & 0o777).toBe(0o700);
    expect(await agent().giveLogin('c', loginText('Basic one'))).toEqual({ changed: false });
  });

  test('is read anew by the gateway that runs', async () => {
    writeFileSync(join(machine, 'running'), 'true\n');
    await agent().giveLogin('c', loginText('Basic two'));
    expect(calls()).toContain('exec kraken-c-gateway sh -c kill -HUP 1');
  });

  test('that was written and not read is read with the next try, and is not taken for one that is in force', async () => {
    const sum = createHash('sha256').update(loginText('Basic two')).digest('hex');
    const seen = async () =>
      (await agent().observe({ cluster: 'c', release: 'r', image: 'i', ports: [], ways: [] })).login;
    writeFileSync(join(machine, 'running'), 'true\n');
    await agent().giveLogin('c', loginText('Basic one'));
    writeFileSync(join(machine, 'deaf'), '');
    await expect(agent().giveLogin('c', loginText('Basic two'))).rejects.toThrow();
    expect(await seen()).toBe('unread');
    rmSync(join(machine, 'deaf'));
    rmSync(join(machine, 'calls'));
    expect(await agent().giveLogin('c', loginText('Basic two'))).toEqual({ changed: true });
    expect(calls()).toContain('kill -HUP 1');
    expect(await seen()).toBe(sum);
    expect(await agent().giveLogin('c', loginText('Basic two'))).toEqual({ changed: false });
  });

  test('goes with its folder, once', async () => {
    await agent().giveLogin('c', loginText('Basic one'));
    expect(await agent().giveLogin('c', undefined)).toEqual({ changed: true });
    expect(existsSync(folder())).toBe(false);
    expect(await agent().giveLogin('c', undefined)).toEqual({ changed: false });
  });
});

describe('a release is made the one that runs', () => {
  let machine: string;
  let here: string;
  beforeEach(() => {
    machine = mkdtempSync(join(tmpdir(), 'krakenctl-activate-'));
    for (const folder of ['bin', 'etc/systemd/system', 'etc/kraken', 'var/log/kraken', 'usr/local/bin'])
      mkdirSync(join(machine, folder), { recursive: true });
    const systemctl = `echo "$*" >> "${machine}/calls"; case $* in *'*'*) exit 1 ;; list-units*) cat "${machine}/loaded" 2> /dev/null ;; is-enabled*gateway* | is-active*gateway*) exit 3 ;; esac`;
    for (const [name, text] of Object.entries({
      systemctl,
      docker: `case "$*" in *State.Running*) echo "true $(basename "$(readlink ${machine}/etc/kraken/cluster/agent)")" ;; esac`,
      sync: ':',
      ss: 'echo LISTEN',
    })) {
      writeFileSync(join(machine, 'bin', name), `#!/bin/sh\n${text}\n`);
      chmodSync(join(machine, 'bin', name), 0o755);
    }
  });
  afterEach(() => rmSync(machine, { recursive: true }));

  const placed = (text: string) =>
    text.replaceAll(
      /(?<![\w.$}])\/(var\/lib\/kraken|etc\/kraken|etc\/systemd|usr\/local\/bin|var\/log\/kraken)/g,
      `${machine}/$1`,
    );

  function activate(of: typeof release) {
    here = join(machine, 'var/lib/kraken/cluster/agent/releases', of.id);
    for (const { path, contents } of of.files) {
      mkdirSync(join(here, path, '..'), { recursive: true });
      writeFileSync(join(here, path), placed(contents));
    }
    execFileSync('sh', ['-c', 'find . -type f ! -name sums -exec sha256sum {} + > sums'], { cwd: here });
    const env = { PATH: `${join(machine, 'bin')}:${process.env.PATH}` };
    const { stdout, stderr, status } = spawnSync('sh', [join(here, 'activate')], { env });
    return { stdout: `${stdout}`.trim(), stderr: `${stderr}`, status };
  }
  const calls = () => readFileSync(join(machine, 'calls'), 'utf8').split('\n');
  const units = () => execFileSync('ls', [join(machine, 'etc/systemd/system')]).toString();

  test('a relay without a unit file, which holds a port of its ways, is stopped; those that belong to it are not', () => {
    expect(activate(plain)).toMatchObject({ status: 0, stderr: '' });
    rmSync(join(machine, 'calls'));
    const loaded = ['kraken-relay-2.service', 'kraken-relay-gateway.service', 'ssh.service'];
    writeFileSync(join(machine, 'loaded'), loaded.map((unit) => `${unit} loaded active running Some\n`).join(''));
    expect(activate(release)).toMatchObject({ status: 0, stderr: '' });
    expect(calls().filter((call) => call.startsWith('stop '))).toEqual(['stop kraken-relay-2.service']);
    expect(calls().indexOf('stop kraken-relay-2.service')).toBeLessThan(
      calls().indexOf('restart kraken-relay-gateway.service'),
    );
    expect(activate(plain)).toMatchObject({ status: 0 });
    rmSync(join(machine, 'calls'));
    expect(activate(plain)).toMatchObject({ status: 0 });
    expect(calls().filter((call) => call.startsWith('stop '))).toEqual([]);
  });

  test('with its ways first, in the place of the relays, and back again', () => {
    expect(activate(plain)).toMatchObject({ status: 0, stdout: `yes ${plain.id}` });
    expect(units()).toContain('kraken-relay-1.socket');
    expect(activate(release)).toMatchObject({ status: 0, stderr: '', stdout: `yes ${release.id}` });
    expect(units()).not.toContain('kraken-relay-1');
    expect(units()).toContain('kraken-relay-gateway.service');
    expect(calls().filter((call) => call.includes('*'))).toEqual([]);
    expect(calls()).toContainEqual(expect.stringMatching(/^enable --quiet .*kraken-relay-gateway\.service/));
    // A request in between would start what was just stopped, and that keeps its port.
    const relays = (kind: string) => [1, 2, 3].map((n) => `kraken-relay-${n}.${kind}`).join(' ');
    const stopped = (units: string) => calls().indexOf(`disable --now --quiet ${units}`);
    expect(stopped(relays('socket'))).toBeGreaterThanOrEqual(0);
    expect(stopped(relays('service'))).toBeGreaterThan(stopped(relays('socket')));
    expect(calls()).toContain('restart kraken-relay-gateway.service');
    expect(activate(plain)).toMatchObject({ status: 0 });
    expect(calls()).toContain('disable --now --quiet kraken-relay-gateway.service');
    expect(units()).not.toContain('gateway');
  });
});
