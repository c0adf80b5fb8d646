import { balancers, releaseOf, UnattendedMachine } from './unattended-machine';

/** A VM that installed itself, look by look: its own timer's program and what the load balancers serve, run by sh. */
let vm: UnattendedMachine;
beforeEach(() => {
  vm = new UnattendedMachine();
  vm.carries('a');
  vm.getsReady('b', 'c');
});
afterEach(() => vm.remove());

const [first, second, third] = balancers;
const report = (letter: string, ...more: string[]) => [`release ${releaseOf(letter)}`, ...more];
const proven = (letter: string) => `proven ${releaseOf(letter)}`;

describe('a turn', () => {
  test.each<[string, string[], string]>([
    ['nobody has one', [], 'a'],
    ['another has one', ['10.0.2.80', '10.0.2.9'], 'a'],
    ['it has one', ['10.0.2.9', '10.0.2.8'], 'b'],
    ['all have one', ['all'], 'b'],
  ])('%s', (_, turns, expected) => {
    vm.serveAll({ release: 'b', epoch: 1800, turns });
    expect(vm.look()).toMatchObject({ status: 0, stderr: '' });
    expect(vm.runs).toBe(expected);
  });

  test('that has not come leaves the VM as it is, and it says that it is there', () => {
    vm.serveAll({ release: 'b', epoch: 1800, turns: [] });
    expect(vm.look().stdout).toContain('is not for this machine yet');
    for (const balancer of balancers) expect(vm.said(balancer)).toEqual(report('a'));
    expect(vm.activated).toBe('');
  });
});

describe('what it says to every load balancer', () => {
  test('is what it runs, and that an image came through its agent: once for each release', () => {
    vm.serveAll({ release: 'b', epoch: 1800, sentinel: 'canary@sha256:5' });
    expect(vm.look()).toMatchObject({ status: 0 });
    for (const balancer of balancers) expect(vm.said(balancer)).toEqual(report('b', proven('b')));
    expect(vm.read('pulls')).toBe('--json --no-fallback canary@sha256:5\n');
    expect(vm.read('removed')).toBe('r\n');
    vm.serveAll({ release: 'b', epoch: 1900, sentinel: 'canary@sha256:6' });
    vm.look();
    expect(vm.said(first)).toEqual(report('b', proven('b')));
    expect([vm.activated, vm.read('pulls').split('\n').length]).toEqual(['b', 2]);
  });

  test('is no proof while no image comes, and one when it comes: the release stays', () => {
    vm.serveAll({ release: 'b', epoch: 1800 });
    vm.pulls({ ok: false });
    expect(vm.look().stdout).toContain('no image came through the agent');
    expect(vm.said(first)).toEqual(report('b'));
    vm.pulls({ ok: true });
    vm.look();
    expect(vm.said(first)).toEqual(report('b', proven('b')));
    expect(vm.activated).toBe('b');
  });

  test('is no proof where the image came by another way', () => {
    vm.serveAll({ release: 'b', epoch: 1800 });
    vm.pulls({ ok: true, via: 'load-balancer' });
    vm.look();
    expect(vm.said(first)).toEqual(report('b'));
  });
});

describe('a release that does not get ready', () => {
  beforeEach(() => vm.serveAll({ release: 'd', epoch: 1800 }));

  test('is put back and told, and not tried again', () => {
    expect(vm.look()).toMatchObject({ status: 1, stderr: expect.stringContaining('did not get ready') });
    expect([vm.runs, vm.activated]).toEqual(['a', 'da']);
    for (const balancer of balancers) expect(vm.said(balancer)).toEqual(report('a', `failed ${releaseOf('d')}-1800`));
    expect(vm.look()).toMatchObject({ status: 0, stdout: expect.stringContaining('did not get ready here') });
    expect(vm.activated).toBe('da');
  });

  test('is tried again when another operation wants it, and what it said before is forgotten', () => {
    vm.look();
    vm.serveAll({ release: 'd', epoch: 1900 });
    vm.getsReady('d');
    expect(vm.look()).toMatchObject({ status: 0 });
    expect(vm.said(first)).toEqual(report('d', proven('d')));
  });
});

test('what it put back is forgotten when something else is served', () => {
  vm.serveAll({ release: 'd', epoch: 1800 });
  vm.look();
  vm.serveAll({ release: 'a', epoch: 1900 });
  vm.look();
  expect(vm.said(first)).toEqual(report('a', proven('a')));
});

test('what cannot be fetched is no failure of the release: it is tried again at the next look', () => {
  vm.serveAll({ release: 'b', epoch: 1800 });
  for (const balancer of balancers) vm.note(`balancers/${balancer}:5000/install/release.tar`, 'x');
  expect(vm.look()).toMatchObject({ status: 1, stderr: expect.stringContaining('release.tar came damaged') });
  expect([vm.runs, vm.activated]).toEqual(['a', '']);
  expect(vm.said(first)).toEqual(report('a'));
  vm.serveAll({ release: 'b', epoch: 1800 });
  vm.look();
  expect(vm.runs).toBe('b');
});

test('told to leave, it is taken away by a unit of its own, whatever else is served', () => {
  vm.serveAll({ release: 'b', epoch: 1800, dismissed: '10.0.2.8 5\n' });
  expect(vm.look()).toMatchObject({ status: 0 });
  expect(vm.read('units')).toContain('--unit kraken-agent-leave');
  expect(vm.read('run/krakenctl/leave')).toContain('--uninstall');
  expect(vm.activated).toBe('');
});

test('a load balancer that is away keeps nothing from it, and is told nothing', () => {
  vm.serveAll({ release: 'b', epoch: 1800 });
  vm.away(first);
  expect(vm.look()).toMatchObject({ status: 0 });
  expect(vm.runs).toBe('b');
  expect([vm.said(second), vm.said(third)]).toEqual([report('b', proven('b')), report('b', proven('b'))]);
});

test('a look that has nothing to do asks each load balancer for little, and moves no image', () => {
  vm.serveAll({ release: 'b', epoch: 1800 });
  vm.look();
  vm.forget('fetched');
  vm.look();
  const asked = vm
    .read('fetched')
    .split('\n')
    .filter((url) => url !== '');
  expect(asked.length).toBeLessThanOrEqual(5 * balancers.length);
  expect(asked.filter((url) => /tar|turns/.test(url))).toEqual([]);
});

describe('a load balancer that comes back serves what was wanted before', () => {
  const back = { release: 'b', epoch: 1800 };
  const wanted = { release: 'c', epoch: 1900 };

  test.each(balancers)('it is not taken back by it: %s', (stale) => {
    vm.serveAll(wanted);
    vm.look();
    vm.serve(stale, back);
    expect(vm.look()).toMatchObject({ status: 0, stderr: '' });
    expect(vm.activated).toBe('c');
    for (const balancer of balancers) expect(vm.said(balancer)).toEqual(report('c', proven('c')));
  });

  test.each(balancers)('it takes what is wanted although one serves another: %s', (stale) => {
    vm.serveAll(wanted);
    vm.serve(stale, back);
    vm.look();
    expect(vm.activated).toBe('c');
  });

  test('it is not taken back where that one alone answers, and says so', () => {
    vm.serveAll(wanted);
    vm.look();
    vm.serve(first, back);
    vm.away(second);
    vm.away(third);
    expect(vm.look()).toMatchObject({ status: 0, stdout: expect.stringContaining('is older than what') });
    expect([vm.activated, vm.said(first)]).toEqual(['c', report('c', proven('c'))]);
  });

  test('nor by one whose operation gave no number', () => {
    vm.serveAll(wanted);
    vm.look();
    vm.serve(first, { ...back, epoch: undefined });
    vm.away(second);
    vm.away(third);
    vm.look();
    expect(vm.activated).toBe('c');
  });

  test('what an operator takes back is wanted by a newer operation, and is taken', () => {
    vm.serveAll(wanted);
    vm.look();
    vm.serveAll({ ...back, epoch: 2000 });
    vm.look();
    vm.serve(second, wanted);
    vm.look();
    expect([vm.activated, vm.runs]).toEqual(['cb', 'b']);
  });

  test('a number is kept although its release was there already: what was served before it is older', () => {
    vm.serveAll({ release: 'a', epoch: 1900 });
    vm.look();
    vm.serveAll(back);
    vm.look();
    expect(vm.activated).toBe('');
  });

  test('one that missed a turn keeps nothing from whoever has it elsewhere', () => {
    vm.serveAll({ ...wanted, turns: [], sentinel: '' });
    vm.serve(third, { ...wanted, turns: ['10.0.2.8'], sentinel: 'canary@sha256:7' });
    vm.look();
    expect([vm.activated, vm.read('pulls')]).toEqual(['c', '--json --no-fallback canary@sha256:7\n']);
  });
});

describe('a person who types the line', () => {
  test('at a load balancer that was away gets what is wanted now', () => {
    vm.serveAll({ release: 'c', epoch: 1900 });
    vm.serve(first, { release: 'b', epoch: 1800 });
    expect(vm.install(first)).toMatchObject({ status: 0, stdout: expect.stringContaining('a newer one is served by') });
    expect(vm.activated).toBe('c');
  });

  test('where an older one alone is served is refused, and nothing is changed', () => {
    vm.serveAll({ release: 'c', epoch: 1900 });
    vm.look();
    vm.serveAll({ release: 'b', epoch: 1800 });
    expect(vm.install(first)).toMatchObject({
      status: 1,
      stderr: expect.stringMatching(/older than what this machine has[\s\S]*krakenctl agent publish/),
    });
    expect([vm.activated, vm.runs]).toEqual(['c', 'c']);
  });

  test('who takes away what is there needs no newer one', () => {
    vm.serveAll({ release: 'c', epoch: 1900 });
    vm.serve(first, { release: 'b', epoch: 1800 });
    expect(vm.install(first, '--uninstall').stdout).not.toContain('newer');
  });
});
