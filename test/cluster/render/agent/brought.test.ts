import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { deactivateProgram } from '../../../../src/cluster/render/agent/programs';
import { BroughtMachine } from './brought-machine';

/** A VM that somebody logs in to, step by step: the client's programs and those of a release, run by sh. */
let vm: BroughtMachine;
beforeEach(() => {
  vm = new BroughtMachine();
});
afterEach(() => vm.remove());

const [a, b, c] = ['a', 'b', 'c'].map((letter) => letter.repeat(16)) as [string, string, string];
const systemctl = (calls: string[]) => calls.filter((call) => call.startsWith('systemctl'));
const engine = (calls: string[]) => calls.filter((call) => call.startsWith('docker'));

describe('what a VM is asked to do for a release', () => {
  test('units are enabled and started all at once, and the Engine is looked at once', async () => {
    expect(await vm.bring(await vm.releaseOf('a'), {})).toEqual({ changed: true });
    const calls = vm.calls();
    const sockets = [1, 2, 3].map((n) => `kraken-relay-${n}.socket`).join(' ');
    expect(systemctl(calls)).toEqual([
      `systemctl enable --quiet ${sockets} kraken-agent-log.timer kraken-agent.service`,
      `systemctl start ${sockets} kraken-agent-log.timer`,
      'systemctl is-active --quiet kraken-agent.service',
      'systemctl restart kraken-agent.service',
    ]);
    expect(engine(calls)).toEqual(['docker inspect --format']);
    expect([vm.runs, vm.current]).toEqual([a, a]);
  });

  test('a second time nothing is changed, and nothing is enabled, started or read anew', async () => {
    const release = await vm.releaseOf('a');
    await vm.bring(release, {});
    vm.calls();
    expect(await vm.bring(release, { release: a })).toEqual({ changed: false });
    expect(systemctl(vm.calls()).filter((call) => !/is-active|list-units/.test(call))).toEqual([]);
  });

  test('what somebody disabled or stopped is on again', async () => {
    const release = await vm.releaseOf('a');
    await vm.bring(release, {});
    vm.sh('systemctl disable kraken-agent.service; systemctl stop kraken-relay-2.socket');
    vm.calls();
    expect(await vm.bring(release, { release: a })).toEqual({ changed: true });
    const changes = systemctl(vm.calls()).filter((call) => !/is-active|list-units/.test(call));
    expect(changes).toEqual([
      'systemctl enable --quiet kraken-agent.service',
      expect.stringMatching(/^systemctl start .*kraken-relay-2\.socket/),
    ]);
  });

  test('what was cut before systemd had read it is gone on with: sockets that have another text are started anew', async () => {
    await vm.bring(await vm.releaseOf('a'), {});
    const other = await vm.releaseOf('b', (spec) => (spec.agents.ports.relay += 10));
    vm.program('sync', 'exit 1');
    await expect(vm.bring(other, { release: a })).rejects.toThrow();
    vm.program('sync', 'exit 0');
    vm.calls();
    expect(await vm.bring(other, { release: a })).toEqual({ changed: true });
    const calls = systemctl(vm.calls());
    expect(calls).toContain('systemctl daemon-reload');
    expect(calls).toContain('systemctl stop kraken-relay-1.socket kraken-relay-2.socket kraken-relay-3.socket');
    vm.calls();
    expect(await vm.bring(other, { release: a })).toEqual({ changed: false });
  });

  test('it is on disk before it is the one that runs', async () => {
    vm.program(
      'sync',
      `echo "$* $(readlink "$MACHINE/etc/kraken/cluster/agent")" | sed "s,$MACHINE,,g" >> "$MACHINE/synced"`,
    );
    await vm.bring(await vm.releaseOf('a'), {});
    const releases = '/var/lib/kraken/cluster/agent/releases';
    expect(readFileSync(join(vm.folder, 'synced'), 'utf8').split('\n')).toEqual([
      `-f ${releases}/${a} /etc/systemd/system `,
      `/etc/kraken/cluster ${releases}/${a}`,
      '',
    ]);
  });
});

describe('a look', () => {
  test('asks the Engine for the image alone where no agent was ever brought', async () => {
    expect(await vm.look(a)).toMatchObject({ unit: 'absent', enabled: false, image: true, takenPorts: [] });
    expect([engine(vm.calls()), systemctl(vm.calls())]).toEqual([['docker image inspect'], []]);
  });

  test('asks it once more for both containers of an agent', async () => {
    await vm.bring(await vm.releaseOf('a'), {});
    vm.calls();
    expect(await vm.look(a)).toMatchObject({
      unit: 'active',
      enabled: true,
      current: a,
      complete: true,
      container: { release: a, state: 'running', isWanted: true },
      takenPorts: [],
    });
    expect(engine(vm.calls())).toEqual(['docker inspect --format', 'docker image inspect']);
  });

  test.each<[string, string, { port: number; program: string }[]]>([
    ['a port of the agent', '8090 nginx 5\n', [{ port: 8090, program: 'nginx' }]],
    ['a port of a relay', '8096 other 5\n', [{ port: 8096, program: 'other' }]],
    ['a port that nobody of ours wants', '8099 other 5\n', []],
  ])('names who holds %s', async (_, line, takenPorts) => {
    vm.note('listening', line);
    expect((await vm.look(a)).takenPorts).toEqual(takenPorts);
  });

  test('takes sockets of ours for ours, and not one that did not get its port', async () => {
    await vm.bring(await vm.releaseOf('a'), {});
    vm.sh('systemctl stop kraken-relay-2.socket');
    expect((await vm.look(b)).takenPorts).toEqual([]);
    vm.note('listening', '8096 other 5\n');
    expect((await vm.look(b)).takenPorts).toEqual([{ port: 8096, program: 'other' }]);
  });

  test('takes what a gateway of ours holds for ours, whatever release it is of, and not what another nginx does', async () => {
    vm.note('listening', '8095 nginx 9\n');
    mkdirSync(vm.base, { recursive: true });
    expect((await vm.look(a)).takenPorts).toEqual([{ port: 8095, program: 'nginx' }]);
    vm.program('docker', `echo "gateway ${b}"`);
    expect(await vm.look(a)).toMatchObject({ gateway: b, takenPorts: [] });
  });

  test('takes a relay that outlived the file of its unit for ours: the next release stops it', async () => {
    vm.note('listening', '8096 systemd-socket- 9\n');
    expect((await vm.look(a)).takenPorts).toHaveLength(1);
    mkdirSync(join(vm.folder, 'proc/9'), { recursive: true });
    writeFileSync(join(vm.folder, 'proc/9/cgroup'), '0::/system.slice/kraken-relay-2.service\n');
    expect((await vm.look(a)).takenPorts).toEqual([]);
  });
});

describe('releases that are no more', () => {
  test('go with the next activation, but for the one before it', async () => {
    await vm.bring(await vm.releaseOf('a'), {});
    await vm.bring(await vm.releaseOf('b'), { release: a });
    expect(vm.releases).toEqual([a, b]);
    mkdirSync(join(vm.base, 'releases/.new.cut'));
    await vm.bring(await vm.releaseOf('c'), { release: b });
    expect(vm.releases).toEqual([b, c]);
  });

  test('stay where it is not known which one was before', async () => {
    await vm.bring(await vm.releaseOf('a'), {});
    await vm.bring(await vm.releaseOf('b'));
    await vm.bring(await vm.releaseOf('c'));
    expect(vm.releases).toEqual([a, b, c]);
  });

  test('stay where one is activated again, so that there is one to go back to', async () => {
    await vm.bring(await vm.releaseOf('a'), {});
    await vm.bring(await vm.releaseOf('b'), { release: a });
    await vm.bring(await vm.releaseOf('b'), { release: b });
    expect(vm.releases).toEqual([a, b]);
  });
});

test('an Engine that tells of a container a moment late is asked again', async () => {
  vm.program('sleep', 'mv "$MACHINE/late" "$MACHINE/container" 2> /dev/null; exit 0');
  vm.sh(`sed -i 's,> "$MACHINE/container"; for,> "$MACHINE/late"; for,' "$MACHINE/bin/systemctl"`);
  await vm.bring(await vm.releaseOf('a'), {});
  expect(engine(vm.calls())).toHaveLength(2);
});

describe('a release that does not come to run', () => {
  const breaks = (id: string) => vm.note(`broken-${id}`, '');

  test('is taken away when the one before runs again', async () => {
    vm.program('sleep', 'exit 0');
    await vm.bring(await vm.releaseOf('a'), {});
    breaks(b);
    await expect(vm.bring(await vm.releaseOf('b'), { release: a })).rejects.toMatchObject({ exitCode: 69 });
    expect([vm.current, vm.runs]).toEqual([b, undefined]);
    const back = { release: b, owner: 'owner', before: a };
    expect(await vm.host.putBack('cluster', back)).toEqual({ changed: true });
    expect([vm.current, vm.runs, vm.releases]).toEqual([a, a, [a]]);
    expect(await vm.host.putBack('cluster', back)).toEqual({ changed: false });
  });

  test('stays while the one before does not run either', async () => {
    vm.program('sleep', 'exit 0');
    await vm.bring(await vm.releaseOf('a'), {});
    for (const id of [a, b]) breaks(id);
    await expect(vm.bring(await vm.releaseOf('b'), { release: a })).rejects.toMatchObject({ exitCode: 69 });
    const back = vm.host.putBack('cluster', { release: b, owner: 'owner', before: a });
    await expect(back).rejects.toMatchObject({ exitCode: 69 });
    expect(vm.releases).toEqual([a, b]);
  });

  test('and was not begun with leaves nothing, nor does it touch what runs', async () => {
    await vm.host.install('cluster', await vm.releaseOf('b'));
    await vm.host.putBack('cluster', { release: b, owner: 'owner' });
    expect(vm.remains).toEqual([]);
    await vm.bring(await vm.releaseOf('a'), {});
    await vm.host.install('cluster', await vm.releaseOf('b'));
    vm.calls();
    await vm.host.putBack('cluster', { release: b, owner: 'owner' });
    expect([vm.calls(), vm.releases, vm.runs]).toEqual([[], [a], a]);
  });

  test('leaves nothing on a VM that had none', async () => {
    vm.program('sleep', 'exit 0');
    breaks(a);
    await expect(vm.bring(await vm.releaseOf('a'), {})).rejects.toMatchObject({ exitCode: 69 });
    expect(vm.remains.length).toBeGreaterThan(0);
    await vm.host.deactivate(vm.placed(deactivateProgram(vm.spec, true)), 'owner');
    expect(vm.remains).toEqual([]);
  });
});

describe('an agent of another krakenctl', () => {
  const foreign = { name: 'ForeignOwnerError', message: expect.stringContaining('(owner)') };

  test('is refused by the very program that would change it, which changes nothing', async () => {
    await vm.bring(await vm.releaseOf('a'), {});
    await vm.host.install('cluster', await vm.releaseOf('b'));
    vm.calls();
    const the = { release: b, owner: 'another' };
    await expect(vm.host.activate('cluster', the)).rejects.toMatchObject(foreign);
    await expect(vm.host.putBack('cluster', { ...the, before: a })).rejects.toMatchObject(foreign);
    await expect(vm.host.deactivate('echo yes', 'another')).rejects.toMatchObject(foreign);
    expect([vm.current, vm.releases, vm.calls()]).toEqual([a, [a, b], []]);
  });
});

describe('a release that runs and is damaged', () => {
  test('is mended without being away for a moment, and what runs from it is started again', async () => {
    const release = await vm.releaseOf('a');
    await vm.bring(release, {});
    const path = join(vm.base, 'releases', a, 'config/agent.yaml');
    writeFileSync(path, 'by hand');
    vm.program('mv', `/bin/mv "$@"; [ -e "$MACHINE/etc/kraken/cluster/agent/run" ] || : > "$MACHINE/away"`);
    expect(await vm.host.install('cluster', release)).toEqual({ changed: true });
    expect([existsSync(join(vm.folder, 'away')), readFileSync(path, 'utf8')]).toEqual([
      false,
      expect.not.stringContaining('by hand'),
    ]);
    vm.calls();
    await vm.host.activate('cluster', { release: a, owner: 'owner', before: { release: a } });
    expect(systemctl(vm.calls())).toContain('systemctl restart kraken-agent.service');
    await vm.host.activate('cluster', { release: a, owner: 'owner', before: { release: a } });
    expect(systemctl(vm.calls())).not.toContain('systemctl restart kraken-agent.service');
  });
});
