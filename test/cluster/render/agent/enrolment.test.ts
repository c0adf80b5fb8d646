import { statSync } from 'node:fs';
import { join } from 'node:path';
import { agentRelease } from '../../../../src/cluster/agents/release';
import { installScript } from '../../../../src/cluster/render/agent/install';
import { exampleSpec } from '../../../support/cluster';
import { balancers, releaseOf, UnattendedMachine } from './unattended-machine';

/** A VM that nobody logs in to, where logins are needed: what it does is run by sh, and load balancers are files that a curl of the test reads. */
const spec = exampleSpec((s) => void Object.assign(s, { auth: { key: '0123456789abcdef' } }));

/** Lets a token in, and whoever knows the password whose sum was shown, once `lets-in` is there; the VM's own ways need no login here. */
const curl = `out=; put=; login=
while [ $# -gt 0 ]; do
  case $1 in -o) out=$2; shift ;; -T) put=$2; shift ;; -K) login=$2; shift ;; -m | --retry) shift ;; -*) ;; *) url=$1 ;; esac; shift
done
echo "$url" >> "$MACHINE/asked"
user=$(sed -n 's/^user = "\\([^:]*\\):.*"$/\\1/p' "\${login:-/dev/null}"); password=$(sed -n 's/^user = "[^:]*:\\(.*\\)"$/\\1/p' "\${login:-/dev/null}")
case $url in
  http://127.0.0.1:8095/* | http://127.0.0.1:8096/* | http://127.0.0.1:8097/*)
    [ -e "$MACHINE/gateway" ] || exit 7
    port=\${url#http://127.0.0.1:}; port=\${port%%/*}; url="http://10.0.1.$((port - 8085)):5000/\${url#http://*/}"; user=vm-gateway ;;
  http://127.0.0.1:*) exit 0 ;;
esac
folder=$MACHINE/balancers/$(echo "\${url#http://}" | cut -d / -f 1); [ -d "$folder" ] || exit 7
case $url:$user in
  */install/whoami:*) ;;
  *:enrol-t1-9) [ ! -e "$MACHINE/used-up" ] || exit 22 ;;
  *:vm-gateway) ;;
  *:vm-10.0.2.8.own)
    [ -e "$MACHINE/lets-in" ] || exit 22
    read -r _ sum salt < "$folder/install/enrol.t1"
    [ "$(printf '%s%s' "$password" "$salt" | sha1sum | cut -c 1-40)" = "$sum" ] || exit 22 ;;
  *) exit 22 ;;
esac
path=$MACHINE/balancers/\${url#http://}
if [ -n "$put" ]; then case $user in enrol-*) path=$path.t1 ;; esac; cp "$put" "$path"; exit; fi
[ -f "$path" ] || path=$path.file
[ -f "$path" ] || exit 22
if [ -n "$out" ]; then cp "$path" "$out"; else cat "$path"; fi`;

let vm: UnattendedMachine;
beforeEach(() => {
  vm = new UnattendedMachine(spec, { curl });
  vm.serveAll({ release: 'a', epoch: 1800 });
  vm.getsReady('a', 'b');
  vm.note('token', 'user = "enrol-t1-9:secret of the token"\n');
});
afterEach(() => vm.remove());

const login = 'etc/kraken/cluster/agent-login/login.conf';
const pending = 'etc/kraken/cluster/agent-login/pending';
const passwordOf = () => {
  const [, encoded = ''] = /^proxy_set_header Authorization "Basic ([^"]+)";\n$/.exec(vm.read(login)) ?? [];
  return Buffer.from(encoded, 'base64').toString();
};
const [first] = balancers;

describe('a VM that enrols itself with a token', () => {
  test('shows the sum of a password that it made, waits to be let in, and has its credential for root alone', () => {
    vm.note('lets-in', '');
    expect(vm.install(first, '--token')).toMatchObject({ status: 0, stderr: '' });
    expect(vm.runs).toBe('a');
    expect(passwordOf()).toMatch(/^vm-10\.0\.2\.8\.own:[0-9a-f]{64}$/);
    expect(statSync(join(vm.folder, login)).mode & 0o777).toBe(0o600);
    const password = passwordOf().split(':')[1]!;
    for (const balancer of balancers) {
      const shown = vm.read(`balancers/${balancer}:5000/install/enrol.t1`);
      expect(shown).toMatch(/^login [0-9a-f]{40} [0-9a-f]{16}\n$/);
      expect(shown).not.toContain(password);
      expect(vm.said(balancer)).toEqual([`release ${releaseOf('a')}`]);
    }
  });

  test('that nobody lets in changes nothing', () => {
    const { status, stderr } = vm.install(first, '--token');
    expect([status, vm.runs, vm.read(login)]).toEqual([1, '', '']);
    expect(stderr).toContain('nobody let this machine in');
  });

  const gaveUp = () => {
    expect(vm.install(first, '--token').status).toBe(1);
    expect(statSync(join(vm.folder, pending)).mode & 0o777).toBe(0o600);
    return vm.read(pending).split(/[:"]/)[2]!;
  };

  test('that is let in after it gave up gets in by what it has shown, with the next run', () => {
    const password = gaveUp();
    const shown = vm.read(`balancers/${first}:5000/install/enrol.t1`);
    vm.note('lets-in', '');
    expect(vm.install(first, '--token')).toMatchObject({ status: 0 });
    expect(passwordOf()).toBe(`vm-10.0.2.8.own:${password}`);
    expect([vm.runs, vm.read(pending)]).toEqual(['a', '']);
    expect(vm.read(`balancers/${first}:5000/install/enrol.t1`)).toBe(shown);
    expect(vm.said(first)).toEqual([`release ${releaseOf('a')}`]);
  });

  test('gets in so also by a newer text, and where the token is used up by now', () => {
    vm.serve(balancers[1], { release: 'b', epoch: 1900 });
    const password = gaveUp();
    vm.note('lets-in', '');
    vm.note('used-up', '');
    expect(vm.install(first, '--token', pending)).toMatchObject({ status: 0 });
    expect([vm.runs, passwordOf()]).toEqual(['b', `vm-10.0.2.8.own:${password}`]);
  });

  test('that shows itself twice shows one password: whichever is let in, it gets in', () => {
    const password = gaveUp();
    expect(gaveUp()).toBe(password);
  });

  test('and is there already takes what it has shown by itself, when it is let in', () => {
    vm.note('lets-in', '');
    vm.install(first, '--token');
    vm.forget('lets-in');
    vm.serveAll({ release: 'b', epoch: 1900 });
    const password = gaveUp();
    vm.note('lets-in', '');
    expect(vm.look()).toMatchObject({ status: 0 });
    expect([passwordOf(), vm.read(pending), vm.runs]).toEqual([`vm-10.0.2.8.own:${password}`, '', 'b']);
  });

  test('leaves nothing when it is taken away before it was let in', () => {
    gaveUp();
    expect(vm.uninstall(first).stdout).toContain('nothing to remove');
    expect(vm.read(pending)).toBe('');
  });

  test('asks a load balancer for nothing without a login but by which address it is known', () => {
    const script = installScript(spec, agentRelease(spec, `sha256:${'a'.repeat(64)}`, { owner: 'owner' }));
    expect(script.match(/curl -fsS[^\n]*\$(each|balancer)\/install\/(?!whoami)/g) ?? []).toEqual([]);
    expect(script).toContain(`curl -fsS -m 5 -K /${pending} -o /dev/null "http://$1/install/epoch"`);
  });

  test('follows what is served by its own ways, with nothing but those', () => {
    vm.note('lets-in', '');
    vm.install(first, '--token');
    vm.note('gateway', '');
    vm.forget('lets-in');
    vm.serveAll({ release: 'b', epoch: 1900 });
    vm.forget('asked');
    expect(vm.look()).toMatchObject({ status: 0 });
    expect(vm.runs).toBe('b');
    expect(vm.read('asked').match(/http:\/\/10\.0\.1\.\d+/g)).toBeNull();
  });

  test('says goodbye while it has its ways, and takes its agent away also where nobody lets it in any more', () => {
    vm.note('lets-in', '');
    vm.install(first, '--token');
    vm.note('gateway', '');
    vm.leavesBy('rm -f "$MACHINE/gateway"; echo gone >> "$MACHINE/left"');
    const { status, stdout } = vm.uninstall(first);
    expect([status, stdout.includes('removed'), vm.read('left')]).toEqual([0, true, 'gone\n']);
    for (const balancer of balancers) expect(vm.said(balancer)).toEqual(['release none']);
  });
});

test('the script without logins has none of it', () => {
  const plain = exampleSpec();
  expect(installScript(plain, agentRelease(plain, `sha256:${'a'.repeat(64)}`, { owner: 'owner' }))).not.toMatch(
    /token|enrol_login|ask -/,
  );
});
