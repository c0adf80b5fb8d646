import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type } from './streams';

/** Nobody answers: neither Temporal nor a host. Nothing is concluded from it, and each host is named with the reason. */

let folder: string;
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'krakenctl-unseen-'));
  const nodes = [1, 2, 3].map((n) => `CLUSTER_NODE_${n}=10.0.1.${n}`);
  const rest = ['KRAKEN_IMAGE_REGISTRY=images.example', 'KRAKEN_VERSION=v0.1.27', 'SSH_KEY_PATH=/nonexistent/key'];
  writeFileSync(join(folder, '.env'), [...nodes, ...rest, ''].join('\n'));
});
afterAll(() => rmSync(folder, { recursive: true }));

const run = (words: string) => {
  const environment = { KRAKENCTL_STATE_DIR: folder };
  return type([...words.split(' '), '--env-file', join(folder, '.env')], { environment });
};

const concluded =
  /no operation|no cluster yet|nothing is (deployed|recorded)|no node has|on any host|Redis serves|DOWN/;

test.each<[string, number, RegExp]>([
  ['status', 11, /UNKNOWN[\s\S]*no host could be seen/],
  ['op list', 1, /HOST_UNREACHABLE neither Temporal nor a host/],
  ['op show', 1, /HOST_UNREACHABLE neither Temporal nor a host/],
  ['op show deploy-1', 1, /HOST_UNREACHABLE neither Temporal nor a host/],
  ['cluster list', 1, /HOST_UNREACHABLE neither Temporal nor a host/],
  ['op undo', 1, /HOST_UNREACHABLE the record .* nothing was done/],
  ['logs node-1 --op deploy-1', 1, /HOST_UNREACHABLE neither Temporal nor a host/],
])('%s: exit %d', async (words, code, text) => {
  const answer = await run(words);
  const said = answer.out + answer.err;
  expect(said).toMatch(text);
  expect(said).not.toMatch(concluded);
  for (const why of ['SSH_KEY_PATH /nonexistent/key cannot be read', 'node-1', '127.0.0.1:1'])
    expect(said).toContain(why);
  expect(answer.code).toBe(code);
});

test('in JSON nothing is concluded either', async () => {
  expect(JSON.parse((await run('status --json')).out)).toMatchObject({
    ok: false,
    error: { code: 'NOT_SERVING', message: expect.stringContaining('no host could be seen') },
    data: { state: 'unknown', version: null, differing: null },
  });
  expect(JSON.parse((await run('op list --json')).out)).toMatchObject({
    ok: false,
    data: { missing: expect.arrayContaining([expect.stringMatching(/^node-3: /)]) },
  });
});
