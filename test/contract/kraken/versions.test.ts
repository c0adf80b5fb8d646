import { ensureBaseImage } from '../../../src/lab/base-image';
import { buildStandInImages } from '../../../src/lab/stand-in-images';
import { ports } from './configurations';
import { docker, eventually, pause } from './docker';
import { findImages } from './images';
import { closeStage, openStage, type Stage, startPart } from './stage';

/** The stand-in's versions that are bad on purpose. Says nothing of Kraken. */
const versions = ['v0.1.28-rc1', 'v0.1.28-rc2', 'v0.1.28-rc3', 'v0.1.28-slow'] as const;

describe("the stand-in's bad versions", () => {
  let stage: Stage;
  let built: Awaited<ReturnType<typeof buildStandInImages>>;

  beforeAll(async () => {
    const baseImage = await ensureBaseImage(() => undefined);
    built = await buildStandInImages({ baseImage, versions: [...versions] });
    const base = await buildStandInImages({ baseImage, versions: ['v0.1.27'] });
    stage = await openStage({ ...(await findImages()), testfs: base.testfs['v0.1.27']! });
    await startPart(stage, stage.nodes[0]!, 'testfs');
  }, 300_000);
  afterAll(() => closeStage(stage), 120_000);

  async function start(version: (typeof versions)[number]): Promise<string> {
    const bad = { ...stage, images: { ...stage.images, origin: built.origin[version]! } };
    return startPart(bad, stage.nodes[0]!, 'origin', { name: `${stage.nodes[0]!.name}-${version}` });
  }

  const statusOf = async (path: string) => {
    const answer = await fetch(`http://${stage.nodes[0]!.address}:${ports.origin}${path}`).catch(() => undefined);
    return answer?.status;
  };
  const stateOf = (name: string) => docker('inspect', '--format', '{{.State.Running}} {{.State.ExitCode}}', name);

  test('each says in its first line and its labels that it is a stand-in', async () => {
    const image = built.origin['v0.1.28-rc1']!;
    expect(await docker('image', 'inspect', '--format', '{{index .Config.Labels "krakenctl.stand-in"}}', image)).toBe(
      '1',
    );
    const name = await start('v0.1.28-rc1');
    await eventually(async () => expect(await stateOf(name)).toBe('false 1'));
    const lines = (await docker('logs', name)).split('\n');
    expect(lines[0]).toMatch(/kraken-stand-in: this is not Kraken/);
    expect(lines.at(-1)).toMatch(/invalid TLS config: stat : no such file or directory/);
    await docker('rm', '-fv', name);
  });

  test('rc2 is healthy and never ready', async () => {
    const name = await start('v0.1.28-rc2');
    await eventually(async () => expect(await statusOf('/health')).toBe(200));
    expect(await statusOf('/readiness')).toBe(503);
    await docker('rm', '-fv', name);
  });

  test('rc3 is ready, and dead 5 s after its start', async () => {
    const name = await start('v0.1.28-rc3');
    await eventually(async () => expect(await statusOf('/readiness')).toBe(200));
    await pause(6_000);
    expect(await stateOf(name)).toBe('false 1');
    await docker('rm', '-fv', name);
  });

  test('slow is ready 8 s after its start', async () => {
    const name = await start('v0.1.28-slow');
    const startedAt = Date.now();
    await eventually(async () => expect(await statusOf('/readiness')).toBe(503));
    await eventually(async () => expect(await statusOf('/readiness')).toBe(200));
    expect(Date.now() - startedAt).toBeGreaterThan(6_500);
    await docker('rm', '-fv', name);
  });
});
