import { spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { krakenPullScript } from '../../../../src/cluster/render/agent/kraken-pull';
import { agent, firstRelay, imageId, makeManifest, PullingMachine, secondRelay, settings } from './pulling-machine';

const one = makeManifest('one');
const other = makeManifest('other');
const hex = one.digest.slice('sha256:'.length);
let machine: PullingMachine;

beforeEach(() => {
  machine = new PullingMachine();
});
afterEach(() => machine.dispose());

/** The agent and the first load balancer know it. */
function serveEverywhere(path: string, manifest = one): void {
  for (const address of [agent, firstRelay]) machine.serve(address, path, manifest);
}

const json = (text: string) => JSON.parse(text) as Record<string, unknown> & { error: Record<string, string> };
const pulls = () => machine.calls.filter((call) => call.startsWith('docker pull')).map((call) => call.slice(12));

describe('the text', () => {
  test('is POSIX sh', () => {
    const { status, stderr } = spawnSync('sh', ['-n'], { input: krakenPullScript, encoding: 'utf8' });
    expect([status, stderr]).toEqual([0, '']);
  });

  test('evaluates nothing and shows no values by tracing', () => {
    expect(krakenPullScript).not.toMatch(/\beval\b|set -[a-z]*x|^\s*(source|\.) /m);
  });
});

describe('a name is understood as Docker understands it', () => {
  test.each([
    ['nginx', 'library/nginx:latest', 'nginx:latest'],
    ['nginx:1.27', 'library/nginx:1.27', 'nginx:1.27'],
    ['library/nginx', 'library/nginx:latest', 'library/nginx:latest'],
    ['bms/app_one/a--b.c:V1.0-rc_1', 'bms/app_one/a--b.c:V1.0-rc_1', 'bms/app_one/a--b.c:V1.0-rc_1'],
    ['docker.io/nginx', 'library/nginx:latest', 'docker.io/nginx:latest'],
    ['docker.io/bms/app:2', 'bms/app:2', 'docker.io/bms/app:2'],
    ['10.0.1.10:5000/bms/app:2', 'bms/app:2', '10.0.1.10:5000/bms/app:2'],
    ['10.0.1.11:5000/nginx', 'nginx:latest', '10.0.1.11:5000/nginx:latest'],
    ['localhost:8080/bms/app', 'bms/app:latest', 'localhost:8080/bms/app:latest'],
    ['127.0.0.1:8095/bms/app', 'bms/app:latest', '127.0.0.1:8095/bms/app:latest'],
    [`nginx@${one.digest}`, `library/nginx@${one.digest}`, undefined],
    [`bms/app:1@${one.digest}`, `bms/app@${one.digest}`, 'bms/app:1'],
    [`10.0.1.10:5000/bms/app@${one.digest}`, `bms/app@${one.digest}`, undefined],
    [`bms/app:${'a'.repeat(128)}`, `bms/app:${'a'.repeat(128)}`, `bms/app:${'a'.repeat(128)}`],
  ])('%s is %s', (typed, path, written) => {
    serveEverywhere(path);
    const [repository] = path.split(/[:@]/);
    const pulled = `${agent}/${repository}@${one.digest}`;
    expect(machine.run(typed)).toMatchObject({ status: 0, out: expect.stringContaining(one.digest) });
    expect(machine.names).toEqual([written ?? pulled]);
    expect(pulls()).toEqual([pulled]);
    expect(machine.left).toEqual([]);
  });

  test('the name of the agent itself stays beside what it was pulled as', () => {
    serveEverywhere('bms/app:1');
    expect(machine.run(`${agent}/bms/app:1`).status).toBe(0);
    expect(machine.names).toEqual([`${agent}/bms/app@${one.digest}`, `${agent}/bms/app:1`]);
  });

  test.each([
    [[], 'which image?'],
    [[''], 'empty'],
    [['a', 'b'], 'one image'],
    [['bms/app one'], 'white space'],
    [['bms/app\nrm'], 'white space'],
    [['$(reboot)'], 'not the name of an image'],
    [['--', '--json'], '--json is not a repository'],
    [['--fast', 'nginx'], 'unknown option --fast'],
    [['Nginx'], 'lower case'],
    [['a//b'], 'lower case'],
    [['a/-b'], 'lower case'],
    [['a...b'], 'lower case'],
    [['/nginx'], 'lower case'],
    [['nginx/'], 'lower case'],
    [['a'.repeat(256)], 'longer than 240'],
    [['nginx:'], 'tag behind the colon is missing'],
    [[`nginx:@${one.digest}`], 'tag behind the colon is missing'],
    [['nginx:1:2'], '1:2 is not a tag'],
    [['nginx:.1'], '.1 is not a tag'],
    [[`nginx:${'a'.repeat(129)}`], 'not a tag'],
    [['nginx@'], 'digest behind the @ is missing'],
    [['nginx@sha256:12'], 'sha256:12 is not a digest'],
    [[`nginx@sha256:${hex.toUpperCase()}`], 'not a digest'],
    [[`nginx@${one.digest}@${one.digest}`], 'not a digest'],
    [[one.digest], 'digest or an id without a name'],
    [[hex], 'digest or an id without a name'],
    [['ghcr.io/bms/app:1'], 'one of: 10.0.1.10:5000 10.0.1.11:5000 127.0.0.1:8080 localhost:8080 docker.io'],
    [['10.0.1.10/bms/app'], '10.0.1.10 is no registry of the cluster demo'],
    [['10.0.1.10:5001/bms/app'], 'no registry of the cluster demo'],
    [['localhost/bms/app'], 'no registry of the cluster demo'],
    [['10.0.1.10:5000'], 'a registry without an image'],
  ])('%j is refused', (words, message) => {
    const { status, out, err } = machine.run(...words);
    expect([status, out]).toEqual([2, '']);
    expect(err).toContain(message);
    expect(machine.calls).toEqual([]);
  });
});

describe('the settings', () => {
  const without = (key: string) => settings.replace(new RegExp(`^${key}=.*\n`, 'm'), '');
  const having = (key: string, value: string) => `${without(key)}${key}=${value}\n`;

  test.each([
    [without('CLUSTER'), 'line 5: the file ends without CLUSTER='],
    [without('AGENT'), 'ends without AGENT='],
    [without('RELAYS'), 'ends without RELAYS='],
    ['', 'line 0: the file ends without CLUSTER='],
    [`${settings}AGENT=${agent}\n`, 'line 7: AGENT was set before'],
    [`${settings}COLOR=red\n`, 'line 7: COLOR is not a setting'],
    [`${settings}rm -rf /tmp/x`, 'line 7: expected KEY=value, found rm -rf /tmp/x'],
    [having('AGENT', '10.0.0.1:8080'), 'line 6: AGENT has 10.0.0.1:8080'],
    [having('RELAYS', '127.0.0.1:8095'), 'line 6: RELAYS needs one address for each'],
    [having('RELAYS', '10.0.1.10:5000 10.0.1.11:5000'), 'line 6: RELAYS has'],
    [having('LOAD_BALANCERS', ''), 'line 6: LOAD_BALANCERS has'],
    [having('LOAD_BALANCERS', '10.0.1.10 10.0.1.11'), 'line 6: LOAD_BALANCERS has'],
    [having('CLUSTER', '$(touch evaluated)'), 'line 6: CLUSTER has $(touch evaluated)'],
    [settings.replaceAll('\n', '\r\n'), 'line 2: CLUSTER has demo'],
  ])('damaged ones are told with their line (%#)', (text, message) => {
    machine.write('settings', text);
    const { status, out, err } = machine.run('nginx');
    expect([status, out]).toEqual([7, '']);
    expect(err).toContain(message);
    expect(machine.calls).toEqual([]);
  });

  test('without them the program says where it looked', () => {
    machine.remove('settings');
    expect(machine.run('nginx')).toMatchObject({
      status: 7,
      err: expect.stringContaining(`${machine.folder}/settings`),
    });
  });

  test('a last line without its end is read, and words in a value are no commands', () => {
    machine.write('settings', `${without('VERSION')}VERSION=1;exit`);
    expect(machine.run('nginx').status).toBe(7);
    machine.write('settings', settings.trimEnd());
    serveEverywhere('library/nginx:latest');
    expect(machine.run('nginx').status).toBe(0);
  });

  test('help needs none, and the version is theirs or unknown', () => {
    expect(machine.run('--version').out).toBe('kraken-pull 0.1.0\n');
    machine.remove('settings');
    expect(machine.run('--version').out).toBe('kraken-pull unknown\n');
    expect(machine.run('--help')).toMatchObject({ status: 0, out: expect.stringContaining('exit codes'), err: '' });
  });
});

describe('a digest is compared before the image gets its name', () => {
  test('curl is told the types of manifests, a limit, and to obey neither a proxy nor a ~/.curlrc', () => {
    serveEverywhere('library/nginx:latest');
    machine.run('nginx');
    const words = machine.lines('curl-words');
    expect(words[0]).toBe('-q');
    expect(words).toEqual(expect.arrayContaining(['--max-time', '--noproxy', '*']));
    for (const type of ['docker.distribution.manifest.list.v2', 'oci.image.index.v1', 'oci.image.manifest.v1'])
      expect(words.join(' ')).toContain(`application/vnd.${type}+json`);
  });

  test('a tag that agent and load balancer know by different digests is not pulled', () => {
    machine.serve(agent, 'bms/app:1', one);
    machine.serve(firstRelay, 'bms/app:1', other);
    const { status, err } = machine.run('bms/app:1');
    expect(status).toBe(4);
    expect(err).toContain(`the agent at ${agent} has ${one.digest}, load balancer 10.0.1.10:5000 has ${other.digest}`);
    expect([pulls(), machine.names]).toEqual([[], []]);
  });

  test.each([
    ['the agent', agent],
    ['a load balancer', firstRelay],
  ])('a digest that %s answers with other bytes is not pulled', (_, address) => {
    machine.serve(address, `bms/app@${one.digest}`, other);
    expect(machine.run(`bms/app@${one.digest}`)).toMatchObject({ status: 4 });
    expect([pulls(), machine.names]).toEqual([[], []]);
  });

  test('an image that Docker has by another digest loses its name again', () => {
    serveEverywhere('bms/app:1');
    machine.write('digests', `${imageId} ["${agent}/bms/app@${other.digest}"]\n`);
    expect(machine.run('bms/app:1')).toMatchObject({ status: 4 });
    expect(machine.names).toEqual([]);
  });

  test.each([
    ['does not answer', undefined, 'none answered'],
    ['fails', 502, 'HTTP 502'],
    ['does not know it', 404, '10.0.1.10:5000 does not know 1'],
  ])('when a load balancer %s the agent is believed, and that is told', (_, answer, warning) => {
    machine.serve(agent, 'bms/app:1', one);
    if (answer) machine.serve(firstRelay, 'bms/app:1', answer);
    const { status, err, out } = machine.run('--json', 'bms/app:1');
    expect(status).toBe(0);
    expect(err).toContain(warning);
    expect(json(out)).toMatchObject({ ok: true, via: 'agent', warning: expect.stringContaining('not compared') });
  });

  test('the second load balancer is asked when the first one does not answer', () => {
    machine.serve(agent, 'bms/app:1', one);
    machine.serve(secondRelay, 'bms/app:1', other);
    expect(machine.run('bms/app:1')).toMatchObject({ status: 4, err: expect.stringContaining('10.0.1.11:5000 has') });
  });

  test('a digest needs no second opinion', () => {
    machine.serve(agent, `bms/app@${one.digest}`, one);
    expect(machine.run('--json', `bms/app@${one.digest}`)).toMatchObject({ status: 0, err: '' });
  });
});

describe('when the agent cannot serve', () => {
  const manifest = 'bms/app:1';
  const byDigest = `bms/app@${one.digest}`;

  test.each([
    ['does not answer', undefined, 'Connection refused'],
    ['fails', 500, 'HTTP 500'],
    ['refuses this machine', 403, 'allowed_cidrs'],
    ['does not know what a load balancer has', 404, 'HTTP 404'],
  ])('because it %s, a load balancer does, with a warning', (_, answer, why) => {
    if (answer) machine.serve(agent, manifest, answer);
    for (const path of [manifest, byDigest]) machine.serve(firstRelay, path, one);
    const { status, out, err } = machine.run('--json', manifest);
    expect(status).toBe(0);
    expect(json(out)).toMatchObject({ ok: true, via: 'load-balancer', warning: expect.stringContaining(why) });
    expect(err).toContain('systemctl status kraken-agent, /var/log/kraken/agent.log');
    expect(pulls()).toEqual([`${firstRelay}/${byDigest}`]);
    expect(machine.names).toEqual([manifest]);
  });

  test('because its pull breaks off, the load balancers do in turn', () => {
    serveEverywhere(manifest);
    for (const relay of [firstRelay, secondRelay]) machine.serve(relay, byDigest, one);
    machine.write(`pull-${agent}`, 'Error response from daemon: received unexpected HTTP status: 500\n');
    machine.write(`pull-${firstRelay}`, 'Error response from daemon: unexpected EOF\n');
    expect(machine.run(manifest)).toMatchObject({
      status: 0,
      err: expect.stringContaining('unexpected HTTP status: 500'),
    });
    expect(pulls()).toEqual([agent, firstRelay, secondRelay].map((it) => `${it}/${byDigest}`));
    expect(machine.names).toEqual([manifest]);
  });

  test('an image by digest alone is there under the load balancer it came through', () => {
    machine.serve(firstRelay, byDigest, one);
    const { status, err } = machine.run(byDigest);
    expect([status, machine.names]).toEqual([0, [`${firstRelay}/${byDigest}`]]);
    expect(err).toContain(`a digest cannot be tagged; the image is there as ${firstRelay}/${byDigest}`);
  });

  test('a program on its port that is no registry is not believed', () => {
    machine.serve(agent, manifest, { text: '<html>', digest: '' });
    for (const path of [manifest, byDigest]) machine.serve(firstRelay, path, one);
    expect(machine.run(manifest)).toMatchObject({ status: 0, err: expect.stringContaining('no manifest') });
  });

  test.each([
    ['the agent says so too', 404],
    ['the agent says 500, as it does for unknown digests', 500],
    ['the agent does not answer', undefined],
  ])('an image that a load balancer does not know does not exist: %s', (_, answer) => {
    if (answer) machine.serve(agent, manifest, answer);
    machine.serve(firstRelay, manifest, 404);
    expect(machine.run('--json', manifest)).toMatchObject({ status: 3, err: '' });
    expect(machine.calls.filter((call) => call.startsWith('curl'))).toHaveLength(2);
    expect(pulls()).toEqual([]);
  });

  test("an agent's 404 alone does not say that an image does not exist", () => {
    machine.serve(agent, manifest, 404);
    expect(machine.run(manifest)).toMatchObject({ status: 5, err: expect.stringContaining('HTTP 404') });
  });

  test('and no load balancer either, all reasons are told', () => {
    machine.serve(secondRelay, manifest, 503);
    const { status, err } = machine.run(manifest);
    expect(status).toBe(5);
    expect(err).toMatch(/agent \(127.0.0.1:8080: .*refused\).*10.0.1.10:5000: .*refused; 10.0.1.11:5000: HTTP 503/);
  });

  test('--no-fallback keeps from pulling through a load balancer', () => {
    for (const path of [manifest, byDigest]) machine.serve(firstRelay, path, one);
    expect(machine.run('--no-fallback', manifest)).toMatchObject({
      status: 5,
      err: expect.stringContaining('--no-fallback'),
    });
    expect([pulls(), machine.names]).toEqual([[], []]);
  });

  test('an image for other platforms alone is not looked for elsewhere', () => {
    serveEverywhere(manifest);
    machine.write(`pull-${agent}`, 'no matching manifest for linux/arm64/v8 in the manifest list entries\n');
    expect(machine.run(manifest)).toMatchObject({ status: 3, err: expect.stringContaining('linux/arm64') });
    expect(pulls()).toHaveLength(1);
  });
});

describe('Docker', () => {
  test.each([
    [
      'permission denied while trying to connect to the Docker daemon socket at unix:///var/run/docker.sock',
      'group docker',
    ],
    [
      'Cannot connect to the Docker daemon at unix:///var/run/docker.sock. Is the docker daemon running?',
      'systemctl status docker',
    ],
    ['something new', 'something new'],
  ])('that cannot be used ends it at once: %s', (said, message) => {
    machine.write('docker-version', `${said}\n`);
    expect(machine.run('nginx')).toMatchObject({ status: 6, out: '', err: expect.stringContaining(message) });
    expect(machine.calls).toHaveLength(1);
  });

  test.each(['docker', 'curl'])('a machine without %s is told so', (program) => {
    machine.remove(`bin/${program}`);
    expect(machine.run('nginx')).toMatchObject({
      status: 6,
      err: expect.stringContaining(`${program} is not installed`),
    });
  });

  test('without space left no load balancer is tried', () => {
    serveEverywhere('bms/app:1');
    machine.write(`pull-${agent}`, 'write /var/lib/docker/tmp/1: no space left on device\n');
    expect(machine.run('bms/app:1')).toMatchObject({ status: 6, err: expect.stringContaining('docker system df') });
    expect(pulls()).toHaveLength(1);
  });

  test('that does not take the name leaves nothing behind', () => {
    serveEverywhere('bms/app:1');
    machine.write('docker-tag', 'Error response from daemon: read only\n');
    expect(machine.run('bms/app:1')).toMatchObject({ status: 6, err: expect.stringContaining('read only') });
    expect(machine.names).toEqual([]);
  });

  test('a name that was there before stays', () => {
    serveEverywhere('bms/app:1');
    machine.has(`${agent}/bms/app@${one.digest}`);
    expect(machine.run('bms/app:1').status).toBe(0);
    expect(machine.names).toContain(`${agent}/bms/app@${one.digest}`);
  });

  test('an image whose name another kraken-pull takes away meanwhile is pulled again', () => {
    serveEverywhere('bms/app:1');
    machine.write('taken-away', '');
    expect(machine.run('bms/app:1').status).toBe(0);
    expect([pulls().length, machine.names]).toEqual([2, ['bms/app:1']]);
  });
});

describe('what is said', () => {
  test('in JSON standard output is one object', () => {
    serveEverywhere('library/nginx:latest');
    const { status, out, err } = machine.run('nginx', '--json');
    expect([status, err, out.split('\n').length]).toEqual([0, '', 2]);
    expect(json(out)).toEqual({
      ok: true,
      image: 'nginx',
      reference: 'nginx:latest',
      digest: one.digest,
      id: imageId,
      via: 'agent',
      seconds: expect.any(Number),
    });
  });

  test.each([
    [['--fast', 'nginx', '--json'], 'USAGE'],
    [['--json', 'a"b\\c\u001b[31m\u00e9\n'], 'USAGE'],
    [['--json'], 'USAGE'],
    [['--json', 'nginx'], 'NOT_SERVED'],
  ])('%j fails in JSON too', (words, code) => {
    const { out } = machine.run(...words);
    const { ok, image, error } = json(out);
    expect({ ok, error }).toEqual({
      ok: false,
      error: { code, message: expect.any(String), hint: expect.any(String) },
    });
    expect(image).toMatch(/^[ -~]*$/);
  });

  test('nothing that a person or Docker wrote reaches a terminal as control characters', () => {
    machine.write('docker-version', 'bad \u001b[2J\u0007news\r\n');
    expect(machine.run('nginx').err).toContain('bad ?[2J?news');
    expect(machine.run('\u001b[31m').err).not.toContain('\u001b');
  });

  test('for a person: the name, the digest, the way it came', () => {
    serveEverywhere('library/nginx:latest');
    const { out, err } = machine.run('nginx');
    expect(out).toMatch(new RegExp(`^nginx:latest\n${one.digest}\nthrough the agent at ${agent} in \\d+ s\n$`));
    expect(err).toBe('');
  });

  test('with --quiet nothing, unless something is wrong', () => {
    serveEverywhere('library/nginx:latest');
    expect(machine.run('--quiet', 'nginx')).toEqual({ status: 0, out: '', err: '' });
    expect(machine.run('-q', 'bms/app').err).toContain('neither the agent');
  });
});

describe('a signal', () => {
  test.each([
    ['SIGTERM', 143],
    ['SIGINT', 130],
    ['SIGHUP', 129],
  ] as const)('%s ends docker and leaves no name behind', async (signal, status) => {
    serveEverywhere('bms/app:1');
    machine.write('docker-hangs', '');
    const child = machine.start('--json', 'bms/app:1');
    let out = '';
    child.stdout!.setEncoding('utf8').on('data', (text: string) => {
      out += text;
    });
    while (machine.lines('hanging').length === 0) await pause(10);
    const ended = once(child, 'close');
    child.kill(signal);
    expect((await ended)[0]).toBe(status);
    expect(json(out)).toMatchObject({ ok: false, error: { code: 'INTERRUPTED' } });
    expect([machine.lines('told'), machine.names, machine.left]).toEqual([['TERM'], [], []]);
    expect(existsSync(join('/proc', machine.lines('hanging')[0]!))).toBe(false);
  });
});
