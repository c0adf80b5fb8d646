import { createActivities } from '../../src/activities';
import type { ActivityDependencies } from '../../src/activities/dependencies';
import { makeRedactor } from '../../src/text/redaction';
import { exampleSpec } from '../support/cluster';
import { MemoryLab } from '../support/memory-hosts';

const spec = exampleSpec();

/** What is told of an origin that wrote this. */
async function tailOf(text: string, labels: Record<string, string> = { 'io.krakenctl.cluster': 'cluster' }) {
  const lab = new MemoryLab();
  const { engine } = await lab.connect(spec.nodes[0]!);
  await engine.pull('origin:1', () => undefined);
  const id = await engine.create({
    ...{ name: 'kraken-cluster-node-1-origin', image: 'origin:1', command: [], labels, mounts: [], tmpfs: [] },
    ...{
      memoryBytes: 0,
      nanoCpus: 0,
      capAdd: [],
      readOnlyRoot: false,
      pidsLimit: 64,
      logMaxSizeBytes: 1,
      logMaxFiles: 1,
    },
  });
  const asked: (string | number)[] = [];
  engine.logs = async (name, { tail }) => {
    asked.push(name, tail);
    return text.split('\n').slice(-tail).join('\n');
  };
  const deps = { hostsFor: () => lab, redact: makeRedactor(['s3cr3t-value']) } as unknown as ActivityDependencies;
  const lines = await createActivities(deps).readLogTail({ spec, host: 'node-1', part: 'origin' });
  return { lines, asked, id };
}

const numbered = (count: number) => Array.from({ length: count }, (_, i) => `line ${i + 1}`);

describe('the end of a log', () => {
  test('is its last ten lines, without empty ones', async () => {
    const { lines, asked, id } = await tailOf(`${numbered(30).join('\n\n')}\n\n`);
    expect(lines).toEqual(numbered(30).slice(-10));
    expect(asked).toEqual([id, 80]);
  });

  test('has neither the secrets that the worker knows nor what looks like one', async () => {
    const { lines } = await tailOf(
      'with s3cr3t-value inside\nAuthorization: Bearer CANARY\nredis://:CANARY@10.0.1.1:6379',
    );
    expect(lines).toEqual(['with [redacted] inside', 'Authorization: [redacted]', 'redis://[redacted]@10.0.1.1:6379']);
  });

  test('has nothing of a private key that began before it', async () => {
    const body = Array.from(
      { length: 50 },
      () => 'b3BlbnNzaC1rZXktdjEAAAAABG5vbmUAAAAEbm9uZQAAAAAAAAABAAAAMwAAAAtzc2gt',
    );
    const key = ['-----BEGIN OPENSSH PRIVATE KEY-----', ...body, '-----END OPENSSH PRIVATE KEY-----'];
    expect((await tailOf(['before', ...key, 'after'].join('\n'))).lines).toEqual(['before', '[redacted]', 'after']);
    expect((await tailOf(['before', ...key.slice(0, -1)].join('\n'))).lines).toEqual(['before', '[redacted]']);
  });

  test('commands no terminal: colours go, what else it would obey is shown', async () => {
    const { lines } = await tailOf('\u001b[31mpanic\u001b[0m: \u001b]0;title\u0007\r\n\tmain.go:1\u202e');
    expect(lines).toEqual(['panic: <U+001B>]0;title<U+0007>', '    main.go:1<U+202E>']);
  });

  test('finds a secret that is coloured in the middle of its line', async () => {
    expect((await tailOf('PASSWORD=\u001b[1mCANARY\u001b[0m')).lines).toEqual(['PASSWORD=[redacted]']);
  });

  test('is short, however long its lines are', async () => {
    const { lines } = await tailOf(
      numbered(20)
        .map((line) => `${line} ${'\u0000'.repeat(1e5)}`)
        .join('\n'),
    );
    expect(lines).toHaveLength(10);
    expect(Buffer.byteLength(lines.join('\n'))).toBeLessThan(5000);
  });

  test("is not read of another hand's container", async () => {
    expect(await tailOf('not ours', {})).toMatchObject({ lines: [], asked: [] });
  });
});
