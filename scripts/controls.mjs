// A test that cannot fail proves nothing: each bug here is planted in a copy of the tree, and its suite must fail. The contract suite
// has its plants within (test/contract/kraken/control.test.ts), since they are switches of the stand-in.
import { spawn } from 'node:child_process';
import { cpSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { availableParallelism, tmpdir } from 'node:os';
import { join } from 'node:path';

/** suite, what is planted, file, from → to, and the tests that must catch it; `named` narrows them by their titles */
const bugs = [
  {
    suite: 'unit',
    bug: 'a relay is stopped before the socket that starts it again',
    file: 'src/cluster/render/agent/unit-activation.ts',
    from: 'for kind in socket service; do',
    to: 'for kind in service socket; do',
    tests: 'test/cluster/render/agent/gateway.test',
  },
  {
    suite: 'unit',
    bug: 'a channel that closes without an exit code counts as success',
    file: 'src/clients/ssh.ts',
    from: 'if (end === undefined || end.code === undefined) {',
    to: 'if (false as boolean) {',
    tests: 'test/clients/ssh',
  },
  {
    suite: 'unit',
    bug: 'a worker of an older release takes new operations from a newer one',
    file: 'src/releases/succession.ts',
    from: "own.starting && !current.polled ? 'takes' : 'leaves'",
    to: "'takes'",
    tests: 'test/releases/succession',
  },
  {
    suite: 'unit',
    bug: 'the code of an operation under way is thrown away',
    file: 'src/workers/older-versions.ts',
    from: ', ...draining.map((v) => v.buildId)]',
    to: ']',
    tests: 'test/workers/older-versions',
  },
  {
    suite: 'unit',
    bug: 'what others took in before they took a node back is forgotten',
    file: 'src/cluster/rollout-stages.ts',
    from: '...(drained.length > 0 ? takenBack(before) : []),',
    to: '',
    tests: 'test/cluster/rollout',
  },
  {
    suite: 'unit',
    bug: 'a user who was removed comes back by an older record',
    file: 'src/clients/credential-store.ts',
    from: '[ "$1" -gt "$auth" ] || [ "$2" -gt "$fleet" ]',
    to: '[ "$2" -gt "$fleet" ]',
    tests: 'test/clients/credential-store',
  },
  {
    suite: 'unit',
    bug: 'users and revocations are forgotten where no two nodes that are seen have the same record',
    file: 'src/cluster/auth/newest.ts',
    from: 'if (!record) return',
    to: 'if (!record || !(count(record) > nodes / 2)) return',
    tests: 'test/cluster/auth/newest',
  },
  {
    suite: 'unit',
    bug: 'a VM that enrols after it was thrown out brings its former credential back',
    file: 'src/cluster/auth/record.ts',
    from: 'serial: revoked ? serial + 1 : serial',
    to: 'serial',
    tests: 'test/cluster/auth/record',
  },
  {
    suite: 'unit',
    bug: 'a VM whose credential was taken away is still let in',
    file: 'src/cluster/auth/credentials.ts',
    from: '    .filter((address) => !contents.vms[address]?.revoked)\n',
    to: '',
    tests: 'test/cluster/auth/credentials',
  },
  {
    suite: 'unit',
    bug: 'a load balancer asks for logins before it can tell who comes',
    file: 'src/cluster/deploy-plan.ts',
    from: 'stages.splice(1, 0, credentials)',
    to: 'stages.push(credentials)',
    tests: 'test/cluster/auth/credential-stage',
  },
  {
    suite: 'unit',
    bug: 'a VM that may read tags may change them',
    file: 'src/cluster/render/nginx-servers.ts',
    from: "[readOnly, 'proxy_pass http://build_indexes;']",
    to: "['proxy_pass http://build_indexes;']",
    tests: 'test/cluster/render/nginx',
  },
  {
    suite: 'unit',
    bug: 'a wrong login is answered at once',
    file: 'src/cluster/render/logins.ts',
    from: 'burst=${mostWaiting};',
    to: 'burst=${mostWaiting} nodelay;',
    tests: 'test/cluster/render/nginx',
  },
  {
    suite: 'unit',
    bug: 'while a secret is rotated, NGINX asks the hash of one of the two alone',
    file: 'src/cluster/auth/credentials.ts',
    from: 'user: `vm-${address}.${shortKey(keys)}`',
    to: 'user: `vm-${address}`',
    tests: 'test/cluster/auth/credentials',
  },
  {
    suite: 'unit',
    bug: 'a token lets in more VMs than it has uses',
    file: 'src/cluster/auth/record.ts',
    from: 'if (!used.includes(address) && used.length >= token.uses) continue;',
    to: '',
    tests: 'test/cluster/auth/record',
  },
  {
    suite: 'unit',
    bug: 'a VM shows its password, not the sum of it',
    file: 'src/cluster/render/agent/install-enrolment.ts',
    from: 'printf \'login %s %s\\\\n\' "$sum"',
    to: 'printf \'login %s %s\\\\n\' "$password"',
    tests: 'test/cluster/render/agent/enrolment',
  },
  {
    suite: 'unit',
    bug: 'an older record in the place of the newest opens',
    file: 'src/cluster/auth/record.ts',
    from: '`${cluster} ${generation} ${former}`',
    to: '`${cluster} ${generation > 0} ${former}`',
    tests: 'test/cluster/auth/record',
  },
  {
    suite: 'workflows',
    bug: 'of two who change who may come in at once, one is forgotten',
    file: 'src/activities/auth.ts',
    from: 'if (there && !there.equals(contents)) refuseLate(host, record, there);',
    to: '',
    tests: 'test/workflows/auth',
  },
  {
    suite: 'workflows',
    bug: 'a VM comes with a credential that no load balancer knows',
    file: 'src/workflows/fleet-opening.ts',
    from: 'const serials = logins && (await bringLogins(hosts, logins));',
    to: 'const serials = logins?.serials;\n  void bringLogins;',
    tests: 'test/workflows/auth',
  },
  {
    suite: 'unit',
    bug: 'a request that gets no answer is waited for',
    file: 'src/clients/http.ts',
    from: 'over.abort(new Error(`no answer within ${timeoutMs} ms`))',
    to: 'undefined',
    tests: 'test/clients/http',
  },
  {
    suite: 'unit',
    bug: 'no host key check',
    file: 'src/clients/ssh.ts',
    from: 'return keyFailure === undefined;',
    to: 'keyFailure = undefined;\n      return true;',
    tests: 'test/clients/ssh',
  },
  {
    suite: 'unit',
    bug: 'a master is handed back before its link is up',
    file: 'src/cluster/redis-topology.ts',
    from: 'else if (member === master && member.is.linkUp)',
    to: 'else if (member === master)',
    tests: 'test/cluster/redis-topology',
  },
  {
    suite: 'unit',
    bug: 'a drifted file is not seen',
    file: 'src/cluster/differences.ts',
    from: 'if (found && found.sha256 === file.sha256 && found.mode === file.mode) return undefined;',
    to: 'if (found) return undefined;',
    tests: 'test/cluster/deploy-plan',
  },
  {
    suite: 'unit',
    bug: 'a folder that is a link is removed like any other',
    file: 'src/clients/folders.ts',
    from: 'link) refuse "$p is a link, or lies behind one";; ',
    to: '',
    tests: 'test/clients/folders',
  },
  {
    suite: 'unit',
    bug: 'a support bundle is packed without redaction',
    file: 'src/cli/bundle/bundle.ts',
    from: 'redact(toText(content))',
    to: 'toText(content)',
    tests: 'test/cli/bundle',
  },
  {
    suite: 'unit',
    bug: 'a file is renamed before its bytes are on disk',
    file: 'src/clients/files.ts',
    from: ' sync -- "$t";',
    to: '',
    tests: 'test/clients/files',
  },
  {
    suite: 'unit',
    bug: 'the mode of a written file is not looked at',
    file: 'src/clients/files.ts',
    from: 'if [ -f "$p" ] && [ "$(seen x)" = "x $s $m" ]; then',
    to: 'if [ -f "$p" ] && case "$(seen x)" in "x $s "*) true;; *) false;; esac; then',
    tests: 'test/clients/files',
  },
  {
    suite: 'unit',
    bug: 'a host that cannot be reached counts as an empty one',
    file: 'src/cluster/deploy-plan.ts',
    from: 'return is ? [differencesOf({ want, is, because: input.because })] : [];',
    to: `const empty = { host: want.host, reachable: true, containers: [], files: [], images: [], redis: [] } as never;
    return [differencesOf({ want, is: is ?? empty, because: input.because })];`,
    tests: 'test/cluster/deploy-plan',
  },
  {
    suite: 'unit',
    bug: "another hand's container of our name is replaced",
    file: 'src/cluster/differences.ts',
    from: 'if (found.cluster === undefined || found.fingerprint === undefined) {',
    to: 'if (false as boolean) {',
    tests: 'test/cluster/deploy-plan',
  },
  {
    suite: 'unit',
    bug: 'an instance that was started on another maxmemory is made anew',
    file: 'src/cluster/differences.ts',
    from: 'return byLines ? onHost.fixedSha256 !== file.fixedSha256 : onHost.sha256 !== file.sha256;',
    to: 'return byLines && onHost.sha256 !== file.sha256;',
    tests: 'test/cluster/live-steps',
  },
  {
    suite: 'unit',
    bug: 'all load balancers learn of a new port before a part listens there',
    file: 'src/cluster/rollout-gates.ts',
    from: 'if (nodes.length === 0 || !earlierPorts) return undefined;',
    to: 'if (nodes.length >= 0) return undefined;',
    tests: 'test/cluster/rollout',
  },
  {
    suite: 'unit',
    bug: 'a limit in place is not read back',
    file: 'src/activities/live.ts',
    from: 'if (still)\n    throw limitRefused(',
    to: 'if (false as boolean)\n    throw limitRefused(',
    tests: 'test/activities/live',
  },
  {
    suite: 'unit',
    bug: 'no CPU limit is told to Docker as 0, which leaves the old one',
    file: 'src/clients/docker-limits.ts',
    from: 'if (nanoCpus === 0) return { CpuQuota: -1 };',
    to: '',
    tests: 'test/clients/docker-limits',
  },
  {
    suite: 'unit',
    bug: 'a record that a minority holds counts',
    file: 'src/cluster/record.ts',
    from: 'records.find((one) => isMajority(holders(one)))',
    to: 'records[0]',
    tests: 'test/cluster/deploy-plan',
  },
  {
    suite: 'unit',
    bug: 'an empty plan token fits every plan',
    file: 'src/cli/commands/deploy.ts',
    from: 'if (options.plan !== undefined) requirePlanToken(options.plan);',
    to: '',
    tests: 'test/cli/hostile-arguments',
    named: 'is refused, not taken|no hostile text is a number',
  },
  {
    suite: 'unit',
    bug: 'a part on hosts that were not seen is called gone',
    file: 'src/cluster/serving.ts',
    from: 'if (!mayBeUnseen(input, part)) return { ...found,',
    to: 'if (true as boolean) return { ...found,',
    tests: 'test/cluster/serving',
  },
  {
    suite: 'unit',
    bug: 'what destroys asks nobody',
    file: 'src/cli/confirmation.ts',
    from: 'if (context.globals.yes || canAsk(context)) return;',
    to: 'if (true as boolean) return;',
    tests: 'test/cli/confirmation',
  },
  {
    suite: 'unit',
    bug: 'a log that could not be read is forgotten',
    file: 'src/cli/log-text.ts',
    from: 'if (!first) return;',
    to: 'return;',
    tests: 'test/cli/logs',
  },
  {
    suite: 'unit',
    bug: "a terminal gets a host's escape sequences",
    file: 'src/cli/terminal-text.ts',
    from: 'return lines.replace(/[^\\n\\t]+/g, (run) => makeVisible(run, Number.POSITIVE_INFINITY));',
    to: 'return lines;',
    tests: 'test/cli/hostile-output',
  },
  {
    suite: 'unit',
    bug: 'a wrong secret is shown as it was written',
    file: 'src/config/printing.ts',
    from: "if (isSecretName(key) || value.includes('PRIVATE KEY')) return redacted;",
    to: '',
    tests: 'test/config/env-sweep',
  },
  {
    suite: 'unit',
    bug: 'a window over midnight is never open',
    file: 'src/cluster/maintenance-window.ts',
    from: 'from <= time || time < to;',
    to: 'from <= time && time < to;',
    tests: 'test/cluster/maintenance-window',
  },
  {
    suite: 'unit',
    bug: 'a further run does again what of its stage was done',
    file: 'src/workflows/course.ts',
    from: 'for (const index of steps) this.done.add(at!.steps[index]!);',
    to: '',
    tests: 'test/contracts/carried-position',
  },
  {
    suite: 'unit',
    bug: 'a look at a host of a large cluster crosses as it is',
    file: 'src/contracts/packed.ts',
    from: 'if (!host.reachable || text.length <= mostPlain.host) return host;',
    to: 'if (text) return host;',
    tests: 'test/contracts/packed',
  },
  {
    suite: 'workflows',
    bug: 'a further run forgets that it was paused',
    file: 'src/workflows/deploy-cluster.ts',
    from: ', ...(paused && { paused }) } };',
    to: '} };',
    tests: 'test/workflows/further-runs.test',
    named: 'paused in one run',
  },
  {
    suite: 'workflows',
    bug: 'a cancelled operation goes on in a run that does not know of it',
    file: 'src/workflows/further-runs.ts',
    from: '(this.whole.consideredCancelled && !this.goesOnCancelled)',
    to: '(false as boolean)',
    tests: 'test/workflows/further-runs.test',
    named: 'cancelled in a further run',
  },
  {
    suite: 'workflows',
    bug: 'a cancellation ends a further run before it knows what is half done',
    file: 'src/workflows/way.ts',
    from: 'CancellationScope.nonCancellable(confirm) : confirm()',
    to: 'confirm() : confirm()',
    tests: 'test/workflows/further-runs.test',
    named: 'cancelled before a further run',
  },
  {
    suite: 'workflows',
    bug: 'a further run that was reset goes on from where things no longer stand',
    file: 'src/activities/runs.ts',
    from: 'if (ended?.newExecutionRunId !== runId) throw wasReset();',
    to: '',
    tests: 'test/workflows/further-runs.test',
    named: 'a further run that begins anew',
  },
  {
    suite: 'workflows',
    bug: 'a command asks the run that an operation began with',
    file: 'src/cli/operation-handle.ts',
    from: 'isOver ? runId : undefined',
    to: 'runId',
    tests: 'test/workflows/further-runs-cli',
    named: 'followed from its first run',
  },
  {
    suite: 'unit',
    bug: 'a stage of TLS is left out',
    file: 'src/cluster/tls/walk.ts',
    from: 'order.slice(at + 1, end + 1)',
    to: 'order.slice(end, end + 1)',
    tests: 'test/cluster/tls/walk',
  },
  {
    suite: 'unit',
    bug: 'load balancers take nothing but TLS before agents speak it',
    file: 'src/cluster/tls/understood.ts',
    from: "if (manner === 'plain') return serves !== 'tls';",
    to: "if (manner === 'plain') return true;",
    tests: 'test/cluster/tls/understood',
  },
  {
    suite: 'unit',
    bug: 'another authority is shown before agents believe it',
    file: 'src/cluster/tls/understood.ts',
    from: ' && manner.believes.includes(stateOf(at)!.signer)',
    to: '',
    tests: 'test/cluster/tls/understood',
  },
  {
    suite: 'unit',
    bug: 'a VM believes whoever answers it in TLS',
    file: 'src/cluster/render/agent/gateway.ts',
    from: '  proxy_ssl_verify on;\n',
    to: '',
    tests: 'test/cluster/render/agent/gateway-tls',
  },
  {
    suite: 'unit',
    bug: 'a VM that installs itself believes whoever answers it in TLS',
    file: 'src/cluster/render/agent/install-tls.ts',
    from: 'curl --noproxy ${serverName} --cacert "$tmp/ca.crt"',
    to: 'curl -k',
    tests: 'test/cluster/render/agent/install-tls',
  },
  {
    suite: 'workflows',
    bug: 'while the first node is brought to TLS, the others are asked in it alone',
    file: 'src/activities/dependencies.ts',
    from: 'return connectTo(deps, spec, hostId, true);',
    to: 'return connectTo(deps, spec, hostId);',
    tests: 'test/workflows/tls-agents',
    named: 'goes to TLS and back',
  },
  {
    suite: 'unit',
    bug: 'a certificate of another key is taken',
    file: 'src/cluster/tls/given.ts',
    from: 'if (!leaf.checkPrivateKey(key.key))',
    to: 'if (key === undefined)',
    tests: 'test/cluster/tls/certificate',
  },
  {
    suite: 'unit',
    bug: 'a key that lies beside its certificate is shown to all',
    file: 'src/cluster/tls/given.ts',
    from: 'const kept = { certificate: pemOf(chain),',
    to: 'const kept = { certificate: files.certificate.text,',
    tests: 'test/cluster/tls/given',
  },
  {
    suite: 'unit',
    bug: 'two parts of a node have one key',
    file: 'src/cluster/tls/material.ts',
    from: 'const seed = [cluster, node.id, node.address, part,',
    to: 'const seed = [cluster, node.id, node.address,',
    tests: 'test/cluster/tls/certificate',
  },
  {
    suite: 'unit',
    bug: 'who is not believed is asked without TLS instead',
    file: 'src/clients/http.ts',
    from: 'if (!tls?.orPlain || !notTls.test((error as Error).message)) throw error;',
    to: 'if (!tls?.orPlain) throw error;',
    tests: 'test/clients/http',
  },
  {
    suite: 'workflows',
    bug: 'a load balancer is reloaded beside the writing of its certificate',
    file: 'src/cluster/rollout-stages.ts',
    from: '...files.map(beforeItsReload)',
    to: '...files',
    tests: 'test/workflows/tls',
    named: 'goes to TLS and back',
  },
  {
    suite: 'workflows',
    bug: 'parts ask in TLS before all of them take it',
    file: 'src/cluster/tls/languages.ts',
    from: "accept: { serves: 'both', asks: 'plain', bus: 'plain' },",
    to: "accept: { serves: 'both', asks: 'tls', bus: 'plain' },",
    tests: 'test/workflows/tls',
    named: 'goes to TLS and back',
  },
  {
    suite: 'workflows',
    bug: 'an approval of one node lets the next go too',
    file: 'src/workflows/refused-decisions.ts',
    from: 'if (asking && !asking.answered && point === asking.point) return undefined;',
    to: 'if (asking && !asking.answered) return undefined;',
    tests: 'test/workflows/safe-points',
    named: 'one is of one node',
  },
  {
    suite: 'workflows',
    bug: 'a closed window holds nothing',
    file: 'src/workflows/safe-points.ts',
    from: 'if (opensIn > 0) await this.untilOpen(point, opensIn);',
    to: 'if (opensIn > 1e12) await this.untilOpen(point, opensIn);',
    tests: 'test/workflows/safe-points',
    named: 'that is closed is waited for',
  },
  {
    suite: 'workflows',
    bug: 'a destroy removes what nobody was shown',
    file: 'src/workflows/destroy-cluster.ts',
    from: 'if (plan.hash !== planHash) {',
    to: 'if (false as boolean) {',
    tests: 'test/workflows/destroy-cluster',
    named: 'what is not what was shown|that never carried a cluster',
  },
  {
    suite: 'workflows',
    bug: 'an owner of another krakenctl is not looked at',
    file: 'src/activities/records.ts',
    from: 'if (allowed.includes(owner.id)) return;',
    to: 'return;',
    tests: 'test/workflows/deploy-cluster',
    named: "another krakenctl's cluster|progress names",
    // The planner refuses it first unless that is blind too.
    also: {
      file: 'src/workflows/deploy-cluster.ts',
      from: '  refuseForeign(plan.foreign);\n',
      to: '',
    },
  },
  {
    suite: 'workflows',
    bug: 'a name that is taken counts as created',
    file: 'src/activities/containers.ts',
    from: 'if (found.labels[labels.cluster] === input.spec.name) return;',
    to: 'return;',
    tests: 'test/workflows/deploy-cluster',
    named: 'without our label|progress names',
    // The planner catches it first unless that is blind too.
    also: {
      file: 'src/cluster/differences.ts',
      from: 'if (found.cluster === undefined || found.fingerprint === undefined) {',
      to: 'if (false as boolean) {',
    },
  },
  {
    suite: 'workflows',
    bug: 'a step more in the workflow, so that old histories do not replay',
    file: 'src/workflows/deploy-cluster.ts',
    from: 'const opened = await planners.openOperation({ observed, operation: input.operation });',
    to: 'await planners.openOperation({ observed, operation: input.operation });\n  const opened = await planners.openOperation({ observed, operation: input.operation });',
    tests: 'test/replay',
    named: 'every recorded history|a history that does not fit',
  },
  {
    suite: 'workflows',
    bug: 'a container that a worker made before it died is made again',
    file: 'src/activities/containers.ts',
    from: 'if (found.labels[labels.fingerprint] !== want.fingerprint) return true;',
    to: "if (found.labels[labels.fingerprint] !== want.fingerprint || (found.state === 'created' && require('@temporalio/activity').Context.current().info.attempt > 1)) return true;",
    tests: 'test/workflows/crash',
  },
  {
    suite: 'workflows',
    bug: 'a container that was created and not started yet counts as foreign work, and is made again',
    file: 'src/activities/containers.ts',
    from: 'if (found && !mustGo(found, want, input)) {',
    to: "if (found && (changed || found.state !== 'created') && !mustGo(found, want, input)) {",
    tests: 'test/workflows/deploy-cluster',
    named: 'container is made once|progress names',
  },
  {
    suite: 'workflows',
    bug: 'the end of an operation is noted without a look whether it is there',
    file: 'src/activities/records.ts',
    from: 'if (written.includes(`"id":"${line.id}"`)) return { changed: false };',
    to: '',
    tests: 'test/workflows/deploy-cluster',
    named: 'is written once|progress names',
  },
  {
    suite: 'workflows',
    bug: 'a name that is taken when the container is created is adopted, whoever has it',
    file: 'src/activities/containers.ts',
    from: '  refuseForeign(found, input);\n  if (found.labels[labels.fingerprint]',
    to: '  if (found.labels[labels.cluster] !== input.spec.name) return false;\n  if (found.labels[labels.fingerprint]',
    tests: 'test/workflows/deploy-cluster',
    named: 'another hand takes|progress names',
  },
  {
    suite: 'workflows',
    bug: 'a record that no majority took counts as written',
    file: 'src/workflows/deploy-cluster.ts',
    from: 'if (spec.nodes.length - failed.length <= spec.nodes.length / 2) throw failed[0]!.reason;',
    to: '',
    tests: 'test/workflows/deploy-cluster',
    named: 'whose record',
  },
  {
    suite: 'workflows',
    bug: 'the proof is skipped',
    file: 'src/workflows/deploy-cluster.ts',
    from: 'isProven(way.plan, way.opened) ? undefined : await prove(deploy, way)',
    to: 'undefined as Awaited<ReturnType<typeof prove>> | undefined',
    tests: 'test/workflows/deploy-cluster',
    named: 'is proven|another plan',
  },
  {
    suite: 'workflows',
    bug: 'a plan token of another plan is not looked at',
    file: 'src/workflows/deploy-cluster.ts',
    from: 'if (planHash !== undefined && !plan.hash.startsWith(planHash)) {',
    to: 'if (false as boolean) {',
    tests: 'test/workflows/deploy-cluster',
    named: 'another plan|progress names',
  },
  {
    suite: 'unit',
    bug: 'the nodes are left out of those whom a node lets in',
    file: 'src/cluster/firewall/rules.ts',
    from: "nodes: ['nodes'],",
    to: 'nodes: [],',
    tests: 'test/cluster/render/firewall',
  },
  {
    suite: 'unit',
    bug: 'containers reach other members under the address of their host',
    file: 'src/cluster/render/firewall.ts',
    from: "${forwarded.join('\\n')}",
    to: '',
    tests: 'test/cluster/render/firewall',
  },
  {
    suite: 'unit',
    bug: 'rules that another hand changed count as ours',
    file: 'src/cluster/firewall/firewall-plan.ts',
    from: "if (loaded === 'other') return",
    to: "if (loaded === ('never' as string)) return",
    tests: 'test/cluster/firewall/firewall-plan',
  },
  {
    suite: 'workflows',
    bug: 'rules are kept over a connection that was there before them',
    file: 'src/activities/firewall.ts',
    from: 'const login = await deps.hostsFor(spec, role).login(target);',
    to: 'const connection = await deps.hostsFor(spec, role).connect(target);\n      const login = { connection, leave: async () => undefined };',
    tests: 'test/workflows/operate-firewall',
    named: 'keep the worker out',
  },
  {
    suite: 'workflows',
    bug: 'rules that cut a node off another are kept',
    file: 'src/workflows/firewall-steps.ts',
    from: 'if (ways.cut.length > 0) throw',
    to: 'if (ways.cut.length > 1e9) throw',
    tests: 'test/workflows/operate-firewall',
    named: 'cut a node off',
  },
  {
    suite: 'e2e',
    bug: 'the timer that takes rules back goes off a day late',
    file: 'src/clients/firewall-programs.ts',
    from: '--on-active="$seconds"',
    to: '--on-active=1d',
    tests: 'test/e2e/firewall',
  },
  {
    suite: 'e2e',
    bug: 'no fence: whoever comes holds the host',
    file: 'src/clients/fence-program.ts',
    from: 'until flock -n 9; do',
    to: 'until true; do',
    tests: 'test/e2e/fence',
  },
  {
    suite: 'e2e',
    bug: 'a holder that falls silent is left alone',
    file: 'src/clients/fence-program.ts',
    from: '  rm -f "$beat"; end_session "$session" "$self"',
    to: '  sleep 600',
    tests: 'test/e2e/fence',
  },
  {
    suite: 'e2e',
    bug: 'a missing container is not planned',
    file: 'src/cluster/differences.ts',
    from: "  if (!found) {\n    const changes = [{ field: 'image'",
    to: "  if (!found && c.part === 'proxy' && is.containers.length > 4) return {};\n  if (!found) {\n    const changes = [{ field: 'image'",
    tests: 'test/e2e/deploy',
  },
  {
    suite: 'unit',
    bug: 'a load balancer that was away takes a VM back to an older release',
    file: 'src/cluster/render/agent/install-following.ts',
    from: 'is_older() { [ "$epoch" -lt "$(own_epoch)" ]; }',
    to: 'is_older() { false; }',
    tests: 'test/cluster/render/agent/unattended',
  },
  {
    suite: 'unit',
    bug: 'what a VM put back under an earlier operation is not tried again',
    file: 'src/cluster/agents/installed-vms.ts',
    from: 'vm?.failed?.release === release && vm.failed.epoch === epoch',
    to: 'vm?.failed?.release === release',
    tests: 'test/cluster/agents/installed-vms',
  },
  {
    suite: 'unit',
    bug: 'VMs are dialled in the place of nodes',
    file: 'src/workers/compose.ts',
    from: 'JSON.stringify([kind, spec.ssh])',
    to: 'JSON.stringify(spec.ssh)',
    tests: 'test/workers/compose',
  },
  {
    suite: 'unit',
    bug: 'ten thousand VMs are told in one answer',
    file: 'src/contracts/agents.ts',
    from: 'export const agentsPerPage = 500;',
    to: 'export const agentsPerPage = 10_000;',
    tests: 'test/cli/agent-listing',
  },
  {
    suite: 'workflows',
    bug: 'nobody waits for what a canary says that installed itself',
    file: 'src/activities/installed-vms.ts',
    from: 'if (waiting.length === 0 || left.length > mayLeave || isOver)',
    to: 'if (true as boolean)',
    tests: 'test/workflows/installed-vms',
  },
  {
    suite: 'unit',
    bug: "another krakenctl's agent is taken for ours",
    file: 'src/cluster/agents/agent-plan.ts',
    from: 'if (is.owner !== undefined && is.owner !== owner) {',
    to: 'if (false as boolean) {',
    tests: 'test/cluster/agents/agent-plan',
  },
  {
    suite: 'unit',
    bug: 'the launcher takes the largest class of P2P settings for every VM',
    file: 'src/cluster/render/agent/programs.ts',
    from: '[ "$cores" -ge ${c.cores} ] && [ "$memory" -ge ${c.memoryMebibytes} ]',
    to: '[ "$cores" -ge 0 ]',
    tests: 'test/cluster/agents/release',
  },
  {
    suite: 'workflows',
    bug: 'a fleet goes on beyond its limit of failures',
    file: 'src/workflows/operate-fleet.ts',
    from: 'if (left.length > plan.maxFailures || this.mustRenew() || next >= plan.vms.length) return undefined;',
    to: 'if (this.mustRenew() || next >= plan.vms.length) return undefined;',
    tests: 'test/workflows/fleet',
    named: 'none may fail',
  },
  {
    suite: 'workflows',
    bug: 'a VM that is off is left alone for ever',
    file: 'src/workflows/operate-fleet.ts',
    from: "if (outcome.state === 'parked' && this.state.left.length <= this.state.plan.maxFailures) {",
    to: 'if (false as boolean) {',
    tests: 'test/workflows/fleet',
    named: 'converge by themselves',
  },
  {
    suite: 'unit',
    bug: 'a removal forgets VMs that still have their agent',
    file: 'src/cluster/agents/fleet-plan.ts',
    from: 'return listed(without(agents, going), sortVms([...leaving, ...going]));',
    to: 'return listed(without(agents, going), leaving);',
    tests: 'test/cluster/agents/fleet-plan',
  },
  {
    suite: 'workflows',
    bug: 'a parked VM gets an agent of a cluster that was destroyed',
    file: 'src/workflows/bring-agent.ts',
    from: "if (!answer.wanted) return { state: 'failed', code: 'NO_AGENTS', why: answer.why };",
    to: '',
    tests: 'test/workflows/fleet',
    named: 'gets no agent once',
  },
  {
    suite: 'unit',
    bug: 'a Redis master is handed over to a replica that is not in sync',
    file: 'src/cluster/redis-topology.ts',
    from: 'const ready = replicas.find((p) => p.is.linkUp);',
    to: 'const ready = replicas[0];',
    tests: 'test/cluster/redis-topology',
  },
  {
    suite: 'workflows',
    bug: 'a node is replaced while load balancers still send to it',
    file: 'src/cluster/rollout-stages.ts',
    from: 'const drained = served.map((n) => n.host);',
    to: 'const drained: string[] = [];',
    tests: 'test/workflows/rollout',
    named: 'replaces a node only while',
  },
  {
    suite: 'workflows',
    bug: 'a node is replaced while something is under way there',
    file: 'src/cluster/rollout-stages.ts',
    from: '...drained.map((host) => quiet(rollout, host)),',
    to: '',
    tests: 'test/workflows/rollout',
    named: 'until nothing is under way',
  },
  {
    suite: 'workflows',
    bug: 'a node comes back before a canary went through it',
    file: 'src/cluster/rollout-stages.ts',
    from: "...drained.map((host): Gate => ({ kind: 'canary', host })), ",
    to: '',
    tests: 'test/workflows/rollout',
    named: 'that serves something else is found',
  },
  {
    suite: 'unit',
    bug: 'a node comes back before an agent went through it',
    file: 'src/cluster/rollout-stages.ts',
    from: 'served.map((n) => throughAgent(n, rollout.pace)),',
    to: '[],',
    tests: 'test/cluster/rollout',
  },
  {
    suite: 'unit',
    bug: 'an agent that gets nothing from anybody is taken for a fault of the node',
    file: 'src/activities/agent-gate.ts',
    from: "return { state: 'agent', why: `neither what",
    to: "return { state: 'node', why: `neither what",
    tests: 'test/activities/agent-gate',
  },
  {
    suite: 'unit',
    bug: 'an agent is asked for what it may have from before',
    file: 'src/activities/lone-blob.ts',
    from: '${mark}${seed} ${n}',
    to: '${mark}${n}',
    tests: 'test/activities/agent-gate',
  },
  {
    suite: 'unit',
    bug: 'an attempt that Temporal gave up removes what the next one has put',
    file: 'src/activities/agent-gate.ts',
    from: '`${input.seed} ${attempt}`',
    to: 'input.seed',
    tests: 'test/activities/agent-gate',
  },
  {
    suite: 'unit',
    bug: 'an agent is sent before the trackers of others name the node',
    file: 'src/activities/agent-gate.ts',
    from: '(without.length === 0 || deps.now() > deadline)',
    to: '(without.length >= 0 || deps.now() > deadline)',
    tests: 'test/activities/agent-gate',
  },
  {
    suite: 'unit',
    bug: 'what a try through an agent left behind is waited for on the other nodes',
    file: 'src/activities/caught-up-gate.ts',
    from: 'return found.includes(true);',
    to: 'return found.length < 0;',
    tests: 'test/activities/agent-gate',
  },
  {
    suite: 'unit',
    bug: 'an agent reaches any tracker in place of that of the node that it is to try',
    file: 'src/cluster/render/nginx-servers.ts',
    from: 'proxy_pass http://tracker_${id};',
    to: 'proxy_pass http://trackers;',
    tests: 'test/cluster/render/nginx',
  },
  {
    suite: 'workflows',
    bug: 'a node that serves no agent comes back all the same',
    file: 'src/workflows/agent-canary.ts',
    from: "if (state !== 'failed') return told;",
    to: 'if (state) return told;',
    tests: 'test/workflows/agent-canary',
    named: 'serves no peers',
  },
  {
    suite: 'workflows',
    bug: 'what has failed is left as it is, and called done with',
    file: 'src/workflows/roll-back.ts',
    from: '  const { lastGood } = opened;\n',
    to: "  const { lastGood } = opened;\n  if (input.policy) return { result: 'failed', error };\n",
    tests: 'test/workflows/rollout',
    named: 'that serves something else is found',
  },
  {
    suite: 'workflows',
    bug: 'an approval is taken when nothing waits for one',
    file: 'src/workflows/refused-decisions.ts',
    from: 'if (asking && !asking.answered && point === asking.point) return undefined;',
    to: 'return undefined;',
    tests: 'test/workflows/safe-points',
    named: 'without anything waiting',
  },
  {
    suite: 'e2e',
    bug: 'a node is replaced while load balancers still send to it: the loop and the observer see it',
    file: 'src/cluster/rollout-stages.ts',
    from: 'const drained = served.map((n) => n.host);',
    to: 'const drained: string[] = [];',
    tests: 'test/e2e/rollout',
    named: 'another version on three nodes',
  },
];

for (const { file, from, also } of bugs) for (const one of [{ file, from }, also].filter(Boolean)) requireOnce(one);
// Part of `npm run check`: a bug that can no longer be planted catches nothing.
if (process.argv[2] === '--match') process.exit(0);

/** Suites, or words of the tests' paths. */
const asked = process.argv.slice(2);
const isAsked = (b) => asked.some((word) => word === b.suite || b.tests.includes(word));
const chosen = bugs.filter((b) => asked.length === 0 || isAsked(b));
const root = process.cwd();
let failed = 0;
// A test that fails anyway would catch every bug.
for (const suite of new Set(chosen.map((b) => b.suite))) await requireGreen(suite);
// A lab is there once; the others take a core each.
const inLab = chosen.filter((b) => b.suite === 'e2e');
await runAll(
  chosen.filter((b) => !inLab.includes(b)),
  Math.min(2, availableParallelism()),
);
await runAll(inLab, 1);
console.log(`${chosen.length - failed} passed, ${failed} failed`);
process.exit(failed > 0 || chosen.length === 0 ? 1 : 0);

async function runAll(planted, lanes) {
  const waiting = [...planted];
  const runWaiting = async () => {
    for (let one = waiting.shift(); one; one = waiting.shift()) {
      const caught = await tryOne(one);
      if (!caught) failed += 1;
      console.log(` ${caught ? '✔ caught ' : '✘ MISSED '} ${one.suite.padEnd(10)} ${one.bug}`);
    }
  };
  await Promise.all(Array.from({ length: lanes }, runWaiting));
}

/** What shall catch the bugs of a suite passes without them. */
async function requireGreen(suite) {
  const own = chosen.filter((b) => b.suite === suite);
  const unique = (texts) => [...new Set(texts)];
  const named = own.every((b) => b.named) ? unique(own.map((b) => b.named)).join('|') : undefined;
  const tests = unique(own.map((b) => b.tests));
  // Of the lab there is one.
  const workers = suite === 'e2e' ? 1 : 3;
  const result = await inCopy([], (copy) => runTests(copy, { suite, tests, named, workers }));
  if (result.numFailedTests === 0 && result.numFailedTestSuites === 0 && result.numPassedTests > 0) return;
  console.error(`without any planted bug, ${result.numFailedTests} tests of ${suite} fail; that must be mended first`);
  process.exit(1);
}

/** The suite must come to run and fail by tests; a suite that cannot start catches nothing. */
async function tryOne({ suite, tests, named, also, ...change }) {
  const changes = [change, also].filter(Boolean);
  const result = await inCopy(changes, (copy) => runTests(copy, { suite, tests: [tests], named }));
  return result.numFailedTests > 0 && result.numRuntimeErrorTestSuites === 0;
}

async function inCopy(changes, work) {
  const copy = mkdtempSync(join(tmpdir(), 'krakenctl-control-'));
  try {
    for (const name of [
      'src',
      'test',
      'scripts',
      'bin',
      'docs',
      'package.json',
      'tsconfig.json',
      '.swcrc',
      'jest.config.js',
      '.env.template',
    ]) {
      cpSync(join(root, name), join(copy, name), { recursive: true });
    }
    symlinkSync(join(root, 'node_modules'), join(copy, 'node_modules'));
    for (const change of changes) plant(copy, change);
    return await work(copy);
  } finally {
    rmSync(copy, { recursive: true, force: true });
  }
}

function plant(copy, { file, from, to }) {
  const path = join(copy, file);
  writeFileSync(
    path,
    readFileSync(path, 'utf8').replace(from, () => to),
  );
}

function requireOnce({ file, from }) {
  const count = readFileSync(file, 'utf8').split(from).length - 1;
  if (count === 1) return;
  console.error(`${file} has this text, which a bug is planted in, ${count} times and not once: ${from}`);
  process.exit(1);
}

async function runTests(copy, { suite, tests, named, workers = 1 }) {
  // Unit tests run the sources.
  if (suite !== 'unit') {
    const build = await run('node', ['scripts/build.mjs'], copy);
    if (build !== 0) throw new Error(`the copy does not build, node scripts/build.mjs ended with ${build}`);
  }
  const outputFile = join(copy, 'result.json');
  const patterns = tests.flatMap((pattern) => ['--testPathPatterns', pattern]);
  const args = ['jest', '--selectProjects', suite, ...patterns, '--json', `--outputFile=${outputFile}`];
  if (named) args.push('--testNamePattern', named);
  await run('npx', ['--no-install', ...args, workers > 1 ? `--maxWorkers=${workers}` : '--runInBand'], copy);
  return JSON.parse(readFileSync(outputFile, 'utf8'));
}

function run(command, args, cwd) {
  return new Promise((resolve, reject) => {
    const child = spawn(command, args, { cwd, stdio: 'ignore', timeout: 1_800_000 });
    child.once('error', reject);
    child.once('close', resolve);
  });
}
