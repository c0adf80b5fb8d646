import { spawnSync } from 'node:child_process';
import { chmodSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { agentRelease } from '../../../../src/cluster/agents/release';
import { installScript } from '../../../../src/cluster/render/agent/install';
import { exampleSpec } from '../../../support/cluster';

/** Functions of the script, one after the other, on folders of their own; the script ends in the call of its first function. */
const release = agentRelease(exampleSpec(), `sha256:${'a'.repeat(64)}`, { owner: 'owner' });
const script = installScript(exampleSpec(), release);

let folder: string;
let base: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'krakenctl-install-'));
  base = join(folder, 'base');
  mkdirSync(join(base, 'releases'), { recursive: true });
  mkdirSync(join(folder, 'tmp'));
});
afterEach(() => rmSync(folder, { recursive: true }));

function program(name: string, text: string): void {
  writeFileSync(join(folder, name), `#!/bin/sh\n${text}\n`);
  chmodSync(join(folder, name), 0o755);
}

function run(words: string): string {
  const functions = script
    .replace(/main "\$@"\n$/, '')
    .replaceAll('/var/lib/kraken/cluster/agent', base)
    .replaceAll('/etc/kraken/cluster/agent', join(folder, 'current'));
  const text = `${functions}\ntmp=${folder}/tmp\nbrought=\n${words}\n`;
  const { stdout, stderr, status } = spawnSync('sh', ['-c', text], {
    env: { PATH: `${folder}:${process.env.PATH}` },
  });
  if (status !== 0 && status !== 3) throw new Error(`${status}: ${stderr}`);
  return `${stdout}`.trim();
}

describe('a VM that was told to leave', () => {
  /** Answers of each load balancer: the list that it serves; one that is not named is away. */
  const serve = (lists: Record<string, string>) =>
    program(
      'curl',
      `for word in "$@"; do url=$word; done
case $url in
${Object.entries(lists)
  .map(
    ([host, list]) =>
      `*//${host}:5000/install/whoami) echo 10.0.2.8 ;;\n*//${host}:5000/install/dismissed) printf '${list}' ;;`,
  )
  .join('\n')}
*) exit 7 ;;
esac`,
    );
  const isDismissed = () => run('if is_dismissed; then echo leaves; else echo stays; fi');

  test.each<[string, Record<string, string>, string, string]>([
    ['no load balancer says so', { '10.0.1.10': '', '10.0.1.11': '10.0.2.9 5\\n' }, '', 'stays'],
    ['the first was away when it was told', { '10.0.1.10': '', '10.0.1.11': '10.0.2.8 5\\n' }, '', 'leaves'],
    ['the first is away now', { '10.0.1.12': '10.0.2.8 5\\n' }, '', 'leaves'],
    ['it was installed again after that', { '10.0.1.10': '10.0.2.8 5\\n' }, '5', 'stays'],
    ['one that has an older word is asked alone', { '10.0.1.10': '10.0.2.8 3\\n' }, '5', 'stays'],
    ['it was told anew', { '10.0.1.10': '10.0.2.8 3\\n', '10.0.1.11': '10.0.2.8 1700000000001\\n' }, '5', 'leaves'],
  ])('%s', (_, lists, seen, answer) => {
    serve(lists);
    if (seen) writeFileSync(join(base, 'dismissed'), `${seen}\n`);
    expect(isDismissed()).toBe(answer);
  });
});

test.each([
  ['8080', 'the agent'],
  ['8096', 'a relay'],
])('a port that somebody has is told before anything is changed: %s of %s', (port) => {
  for (const name of ['docker', 'systemctl', 'ip', 'flock', 'curl', 'getent']) program(name, 'exit 0');
  program('ss', `case $2 in "sport = :${port}") echo LISTEN ;; esac`);
  const look = script
    .slice(script.indexOf('\nlook() {'), script.indexOf('\ntell() {'))
    .replaceAll('/run/systemd/system', folder)
    .replaceAll('/run/krakenctl', folder)
    .replaceAll('/etc/', `${folder}/etc/`);
  const told = run(`fail() { echo "$1"; exit 3; }\n${look}\nlook`);
  expect(told).toBe(`port ${port} is taken on this machine`);
});
