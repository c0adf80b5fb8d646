import { mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import { text } from 'node:stream/consumers';
import { setTimeout } from 'node:timers/promises';
import { ImageSpool } from '../../src/clients/image-spool';

/** Real files in a temporary folder of this test's own. */
const before = process.env.TMPDIR;
let folder: string;

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'krakenctl-spool-'));
  process.env.TMPDIR = folder;
});
afterEach(() => {
  if (before === undefined) delete process.env.TMPDIR;
  else process.env.TMPDIR = before;
  rmSync(folder, { recursive: true });
});

const letters = 'abc'.repeat(1 << 20);
let made = 0;
const make = () => {
  made += 1;
  return Promise.resolve(Readable.from([Buffer.from(letters)]));
};
beforeEach(() => (made = 0));

test('many who ask at once get the whole archive, which is made once', async () => {
  const spool = new ImageSpool();
  const streams = await Promise.all(Array.from({ length: 5 }, () => spool.read('app', make)));
  const texts = await Promise.all(streams.map((stream) => text(stream)));
  expect(texts.every((one) => one === letters)).toBe(true);
  expect(await text(await spool.read('app', make))).toBe(letters);
  expect(made).toBe(1);
});

test('nothing of it has a name in the folder, so that nothing is left of a worker that is killed', async () => {
  const stream = await new ImageSpool().read('app', make);
  expect(readdirSync(folder)).toEqual([]);
  expect(await text(stream)).toBe(letters);
});

test('one reader that goes away in the middle takes nothing from the others', async () => {
  const spool = new ImageSpool();
  const [gone, stays] = [await spool.read('app', make), await spool.read('app', make)];
  gone.once('data', () => gone.destroy());
  expect(await text(stays)).toBe(letters);
});

test('what fails while it is made is told to all who wait, leaves nothing, and the next who asks makes it anew', async () => {
  const spool = new ImageSpool();
  const broken = () =>
    Promise.resolve(
      Readable.from(
        (function* () {
          yield Buffer.from('half');
          throw new Error('the Engine went away');
        })(),
      ),
    );
  const answers = await Promise.allSettled([spool.read('app', broken), spool.read('app', broken)]);
  for (const answer of answers) expect(String((answer as PromiseRejectedResult).reason)).toContain('went away');
  expect(readdirSync(folder)).toEqual([]);
  expect(await text(await spool.read('app', make))).toBe(letters);
});

test('when nobody has read it for its time it is let go', async () => {
  const spool = new ImageSpool(1);
  await text(await spool.read('app', make));
  while (made === 1) {
    await setTimeout(10);
    await text(await spool.read('app', make));
  }
  expect(made).toBe(2);
});
