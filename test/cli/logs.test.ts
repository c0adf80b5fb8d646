import { mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { CliFailure } from '../../src/cli/failure';
import type { PartLog } from '../../src/cli/log-reading';
import { showLogs } from '../../src/cli/log-text';
import { Output } from '../../src/cli/output';
import { captureStreams, type } from './streams';

const why = new CliFailure('HOST_UNREACHABLE', 'connect ETIMEDOUT', { host: 'node-2', retryable: true });
const absent = new CliFailure('ENGINE_ERROR', 'node-1: no such container', { host: 'node-1' });
const read = (host: string, part: PartLog['part'], ...lines: string[]): PartLog => ({ host, part, lines });
const unread = (host: string, part: PartLog['part'], failure: CliFailure): PartLog => ({
  ...read(host, part),
  failure,
});

function show(found: PartLog[], format: 'text' | 'json' = 'text') {
  const streams = captureStreams();
  const output = new Output(streams, { format });
  try {
    showLogs(output, found);
    output.succeed();
    return { ...streams.written, failure: undefined };
  } catch (error) {
    output.fail(error as CliFailure);
    return { ...streams.written, failure: error as CliFailure };
  }
}

test('a host that cannot be reached fails the command with its name and why, and takes no line of the others along', () => {
  const found = [
    read('node-1', 'origin', 'one', 'two'),
    unread('node-2', 'origin', why),
    unread('node-2', 'tracker', why),
    read('node-3', 'origin', 'three'),
  ];
  const { out, err, failure } = show(found);
  expect(out).toBe('node-1/origin | one\nnode-1/origin | two\nnode-3/origin | three\n');
  expect(failure).toMatchObject({ code: 'HOST_UNREACHABLE', exitCode: 1, host: 'node-2', retryable: true });
  expect(err).toContain('2 of 4 logs could not be read');
  expect(err).toContain('node-2: connect ETIMEDOUT');
  expect(err.match(/connect ETIMEDOUT/g)).toHaveLength(1);
});

test('one part that is not there is told by its name', () => {
  const found = [read('node-1', 'origin', 'one'), unread('node-1', 'tracker', absent)];
  const { out, err, failure } = show(found);
  expect([out, failure?.exitCode]).toEqual(['node-1/origin | one\n', 1]);
  expect(err).toContain('node-1/tracker: no such container');
});

test('where all were read nothing fails, and one part alone has no prefix', () => {
  expect(show([read('node-1', 'origin', 'one')])).toEqual({ out: 'one\n', err: '', failure: undefined });
});

test('in JSON the lines that were read are data of the failure', () => {
  const { out } = show([read('node-1', 'origin', 'one'), unread('node-2', 'origin', why)], 'json');
  expect(JSON.parse(out)).toMatchObject({
    ok: false,
    error: { code: 'HOST_UNREACHABLE', host: 'node-2' },
    data: [
      { host: 'node-1', part: 'origin', lines: ['one'] },
      { host: 'node-2', part: 'origin', lines: [], error: 'connect ETIMEDOUT' },
    ],
  });
});

describe('with no host that can be logged in to', () => {
  let folder: string;
  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), 'krakenctl-logs-'));
    const nodes = [1, 2, 3].map((n) => `CLUSTER_NODE_${n}=10.0.1.${n}`);
    const rest = ['KRAKEN_IMAGE_REGISTRY=images.example', 'SSH_KEY_PATH=/nonexistent/key', `LOG_DIR=${folder}/logs`];
    writeFileSync(join(folder, '.env'), [...nodes, ...rest, ''].join('\n'));
  });
  afterEach(() => rmSync(folder, { recursive: true }));
  const run = (words: string) =>
    type([...words.split(' '), '--env-file', join(folder, '.env')], { environment: { KRAKENCTL_STATE_DIR: folder } });

  test.each(['logs node-1 origin', 'logs node-1', 'logs', 'logs -f', 'logs node-2 -f', 'logs --collect'])(
    '%s: exit 1, with host and reason',
    async (words) => {
      const { code, out, err } = await run(words);
      expect(code).toBe(1);
      expect(err).toMatch(/✘ HOST_REFUSED [\s\S]*node-[12]: SSH_KEY_PATH \/nonexistent\/key cannot be read/);
      expect(err).toContain('check SSH_USER and SSH_KEY_PATH');
      if (words === 'logs -f') expect(err).toMatch(/^( ! node-[123]: SSH_KEY_PATH.*\n){3}✘/);
      if (!words.endsWith('--collect')) expect(out).toBe('');
    },
  );

  test('what was collected is kept, and what is missing is data', async () => {
    const { data } = JSON.parse((await run('logs node-1 --collect --json')).out);
    expect(data).toMatchObject({
      files: [],
      missing: expect.arrayContaining([
        { host: 'node-1', part: 'origin', error: expect.stringContaining('SSH_KEY_PATH') },
      ]),
    });
    expect(readdirSync(data.folder)).toEqual([]);
  });
});
