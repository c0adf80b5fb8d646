import { execFileSync } from 'node:child_process';
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { temporalServerBinary } from '../../src/cli/temporal-server';
import { MemoryLab } from '../support/memory-hosts';
import { openBench } from '../support/temporal';

/**
 * Workflow code of today must replay what workflow code of the past recorded: an operation may be under way while krakenctl is
 * upgraded. `npm run record:histories` adds histories of today; an old one goes only when no operation of its time can run any more.
 */
const folder = join(__dirname, 'histories');
const files = readdirSync(folder)
  .filter((name) => name.endsWith('.json'))
  .map((name) => join(folder, name));

function replay(paths: string[]): Record<string, string | null> {
  const program = join(__dirname, '..', 'support', 'replay.cjs');
  const output = execFileSync(process.execPath, [program, process.env.KRAKENCTL_TEST_BUNDLE!, ...paths]);
  // The SDK's core writes lines of its own.
  return JSON.parse(output.toString().trim().split('\n').at(-1)!);
}

const recording = process.env.RECORD_HISTORIES;

if (recording) test('histories of today are recorded', record);
else describe('replay', () => replays());

async function record(): Promise<void> {
  const lab = new MemoryLab();
  const bench = await openBench(lab);
  const temporal = await temporalServerBinary();
  const address = process.env.KRAKENCTL_TEST_TEMPORAL!;
  const keep = async (name: string, run: Awaited<ReturnType<typeof bench.start>>) => {
    await run.result().catch(() => undefined);
    const args = ['workflow', 'show', '-w', run.workflowId, '-o', 'json', '--address', address];
    writeFileSync(join(folder, `${recording}-${name}.json`), execFileSync(temporal, args, { maxBuffer: 1e8 }));
  };
  await keep('deploy-fresh', await bench.start());
  await keep('deploy-nothing', await bench.start());
  const one = lab.machine('node-1');
  one.containers.delete(one.part('proxy')!.id);
  await keep('deploy-mend', await bench.start());
  await keep('deploy-no-image', await bench.start((input) => Object.assign(input.spec.images, { redis: 'missing:1' })));
  await bench.close();
}

function replays(): void {
  test('every recorded history replays with the workflow code of today', () => {
    expect(files.length).toBeGreaterThanOrEqual(4);
    expect(replay(files)).toEqual(Object.fromEntries(files.map((file) => [file, null])));
  });

  test('a history that does not fit is found (control)', () => {
    const text = readFileSync(files.find((file) => file.endsWith('deploy-fresh.json'))!, 'utf8');
    const history = JSON.parse(text) as {
      events: { activityTaskScheduledEventAttributes?: { activityType: { name: string } } }[];
    };
    const claim = history.events.find((e) => e.activityTaskScheduledEventAttributes?.activityType.name === 'claimHost');
    claim!.activityTaskScheduledEventAttributes!.activityType.name = 'removeContainer';
    const scratch = mkdtempSync(join(tmpdir(), 'krakenctl-replay-'));
    const planted = join(scratch, 'planted.json');
    writeFileSync(planted, JSON.stringify(history));
    try {
      expect(replay([planted])[planted]).toMatch(/DeterminismViolationError/);
    } finally {
      rmSync(scratch, { recursive: true });
    }
  });
}
