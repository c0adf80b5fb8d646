import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { agentRelease } from '../../../../src/cluster/agents/release';
import { installScript } from '../../../../src/cluster/render/agent/install';
import { exampleSpec } from '../../../support/cluster';
import { balancers, ownAuthority, releaseOf, UnattendedMachine } from './unattended-machine';

/** A VM that nobody logs in to, and load balancers that speak TLS: files that a curl of the test reads, where it is asked as they are to be asked. */
const series = { number: 1, from: '2026-11-01T00:00:00.000Z', until: '2027-02-01T00:00:00.000Z' };
const state = { stage: 'require', signer: 'ca-1', trusts: ['ca-1'], series };
const spec = exampleSpec((s) => void Object.assign(s, { tls: { lifetimeSeconds: 600, state } }));

/** Ends as curl does for who is not believed (60), and for HTTP on a port of HTTPS (22); its own ways lead there too. */
const curl = `out=; put=; ca=; there=
while [ $# -gt 0 ]; do
  case $1 in -o) out=$2; shift ;; -T) put=$2; shift ;; --cacert) ca=$2; shift ;; --connect-to) there=\${2#kraken:5000:}; shift ;; -m | --retry) shift ;; -*) ;; *) url=$1 ;; esac; shift
done
echo "$url" >> "$MACHINE/asked"
case $url in
  http://127.0.0.1:809[567]/*) [ -e "$MACHINE/gateway" ] || exit 7; port=\${url#http://127.0.0.1:}; place=10.0.1.$((\${port%%/*} - 8085)):5000/\${url#http://*/} ;;
  http://127.0.0.1:*) exit 0 ;;
  https://*) [ "$(cat "$ca" 2> /dev/null)" = "$(cat "$MACHINE/shown")" ] || exit 60; place=\${url#https://}; [ -z "$there" ] || place=$there/\${place#*/} ;;
  *) exit 22 ;;
esac
[ -d "$MACHINE/balancers/\${place%%/*}" ] || exit 7
path=$MACHINE/balancers/$place
if [ -n "$put" ]; then cp "$put" "$path"; exit; fi
[ -f "$path" ] || path=$path.file
[ -f "$path" ] || exit 22
if [ -n "$out" ]; then cp "$path" "$out"; else cat "$path"; fi`;

let vm: UnattendedMachine;
beforeEach(() => {
  vm = new UnattendedMachine(spec, { curl });
  mkdirSync(join(vm.folder, 'etc/kraken/cluster'), { recursive: true });
  vm.note('shown', ownAuthority);
  vm.serveAll({ release: 'a', epoch: 1800 });
  vm.getsReady('a', 'b');
});
afterEach(() => vm.remove());

const [first] = balancers;

test('it installs itself over TLS alone, and says so to all', () => {
  expect(vm.install(first)).toMatchObject({ status: 0, stderr: '' });
  expect(vm.runs).toBe('a');
  for (const balancer of balancers) expect(vm.said(balancer)).toContain(`release ${releaseOf('a')}`);
  expect(vm.read('asked').match(/http:\/\/(?!127)\S+/g)).toBeNull();
});

test('it follows what is served through its own ways', () => {
  vm.install(first);
  vm.note('gateway', '');
  vm.serveAll({ release: 'b', epoch: 1900 });
  expect(vm.look()).toMatchObject({ status: 0 });
  expect(vm.runs).toBe('b');
});

test('load balancers that show another authority are asked for nothing', () => {
  vm.install(first);
  vm.forget('shown');
  vm.note('shown', 'of a stranger\n');
  vm.note('gateway', '');
  vm.serveAll({ release: 'b', epoch: 1900 });
  const { status, stderr } = vm.look();
  expect([status, vm.runs]).toEqual([1, 'a']);
  expect(stderr).toContain('no load balancer answers');
});

test('the script asks nobody in plain, and carries whom it believes', () => {
  const release = agentRelease(spec, `sha256:${'a'.repeat(64)}`, { owner: 'owner', trusted: ownAuthority });
  const script = installScript(spec, release);
  expect(script.match(/http:\/\/(?!127\.0\.0\.1)\S+/g)).toBeNull();
  expect(script).toContain(ownAuthority);
  expect(script).not.toMatch(/^\s*curl -fsS[^\n]*https/m);
});
