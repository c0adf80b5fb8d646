import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type } from './streams';

/** `--hosts` and `--roles` choose what is shown of a look; no host can be logged in to here. */

let folder: string;
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'krakenctl-filters-'));
  const nodes = [1, 2, 3].map((n) => `CLUSTER_NODE_${n}=10.0.1.${n}`);
  const rest = ['KRAKEN_IMAGE_REGISTRY=images.example', 'SSH_KEY_PATH=/nonexistent/key', 'LB_NODES=node-1,node-2'];
  writeFileSync(join(folder, '.env'), [...nodes, ...rest, ''].join('\n'));
});
afterAll(() => rmSync(folder, { recursive: true }));

const run = (words: string[]) =>
  type([...words, '--env-file', join(folder, '.env')], { environment: { KRAKENCTL_STATE_DIR: folder } });
const data = async (...words: string[]) => JSON.parse((await run([...words, '--json'])).out).data;

test.each([
  [['status', '--hosts', 'node-9'], '--hosts node-9: there is no node-9; expected one or more of node-1,node-2,node-3'],
  [['status', '--roles', 'origin,database'], '--roles origin,database: there is no database; expected one or more of'],
  [['logs', '--hosts', ''], '--hosts : there is no empty name'],
  [['logs', 'node-1', '--hosts', 'node-2'], 'node-1 and --hosts: expected one of them'],
  [['logs', 'node-1', 'origin', '--roles', 'proxy'], 'origin and --roles: expected one of them'],
  [['check', '--apply', '--hosts', 'node-1'], "cannot be used with option '--apply'"],
  [['check', '--offline', '--hosts', 'node-1'], "cannot be used with option '--offline'"],
  [['check', '--roles', 'origin'], "unknown option '--roles'"],
  // It would leave the others as they are, under a record that says otherwise.
  [['deploy', '--hosts', 'node-1'], "unknown option '--hosts'"],
  [['plan', '--hosts', 'node-1'], "unknown option '--hosts'"],
])('%j is exit 2 before any host is contacted', async (words, text) => {
  const { code, out, err } = await run(words);
  expect({ code, out }).toEqual({ code: 2, out: '' });
  expect(err).toContain(text);
});

test('logs: of these nodes and parts, a load balancer where one is', async () => {
  const found = await data('logs', '--hosts', 'node-3,node-2', '--roles', 'nginx,origin');
  expect(found.map(({ host, part }: { host: string; part: string }) => `${host} ${part}`)).toEqual([
    'node-2 origin',
    'node-2 nginx',
    'node-3 origin',
  ]);
  expect((await data('logs', 'node-1', '--roles', 'proxy')).map(({ host }: { host: string }) => host)).toEqual([
    'node-1',
  ]);
});

test('status and check: all is looked at and judged, these are shown', async () => {
  const status = await data('status', '--hosts', 'node-2');
  expect(status).toMatchObject({ state: 'unknown', notShown: 2, hosts: [{ host: 'node-2' }] });
  const check = await run(['check', '--hosts', 'node-2', '--json']);
  expect(check.code).toBe(4);
  const { data: checked, error } = JSON.parse(check.out);
  // The three hosts, and Temporal, which is not there.
  expect(error.message).toMatch(/^4 failures/);
  expect(checked.notShown).toBe(2);
  const hosts = checked.findings.map(({ host }: { host?: string }) => host).filter(Boolean);
  expect(hosts).toEqual(['node-2']);
});
