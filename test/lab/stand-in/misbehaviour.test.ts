import { Readable } from 'node:stream';
import { buffer } from 'node:stream/consumers';
import { faultOf } from '../../../src/lab/stand-in/misbehaviour';

type Misbehaviour = typeof import('../../../src/lab/stand-in/misbehaviour');

/** As the program of a container of this version has it. */
function as(version: string, part: string): Misbehaviour {
  let loaded: Misbehaviour | undefined;
  process.env.STAND_IN_VERSION = version;
  jest.isolateModules(() => {
    loaded = require('../../../src/lab/stand-in/misbehaviour') as Misbehaviour;
  });
  delete process.env.STAND_IN_VERSION;
  loaded!.misbehave(part);
  return loaded!;
}

const never = Number.POSITIVE_INFINITY;
const parts = ['testfs', 'origin', 'tracker', 'build-index', 'proxy', 'agent'];

test.each(['v0.1.27', 'v0.1.26', 'v0.1.28', 'v0.1.28-rc9', 'v0.1.28-crash', 'v0.1.28-wrongly', 'crash60-v1'])(
  'version %s has no fault in any part',
  (version) => {
    for (const part of parts) expect(faultOf(version, part)).toEqual({});
  },
);

test.each([
  ['v0.1.28-crash60', 'proxy', { endsAfterMs: 60_000, lastWords: 'unexpected fault address 0x0' }],
  ['v0.1.28-crash5-origin', 'origin', { endsAfterMs: 5_000, lastWords: 'unexpected fault address 0x0' }],
  ['v0.1.28-crash5-origin', 'proxy', {}],
  ['v0.1.28-unready', 'tracker', { readyAfterMs: never }],
  ['v0.1.28-unready-build-index', 'build-index', { readyAfterMs: never }],
  ['v0.1.28-unready-build-index', 'origin', {}],
  ['v0.1.28-wrong-proxy', 'proxy', { isWrong: true }],
  ['v0.1.28-wrong-proxy', 'origin', {}],
  ['v0.1.28-mute-origin', 'origin', { isMute: true }],
  ['v0.1.28-mute-origin', 'tracker', {}],
  ['v0.1.28-rc1', 'origin', { endsAfterMs: 5, lastWords: 'invalid TLS config: stat : no such file or directory' }],
  ['v0.1.28-rc1', 'proxy', {}],
  ['v0.1.28-slow', 'proxy', { readyAfterMs: 8_000 }],
])('%s as %s', (version, part, fault) => {
  expect(faultOf(version, part)).toEqual(fault);
});

describe('one that is wrong', () => {
  test('serves as many bytes as the blob has, and others', async () => {
    const blob = Buffer.from('a layer of an image');
    const served = await buffer(as('v0.1.28-wrong-proxy', 'proxy').asServed(Readable.from([blob])));
    expect(served).toHaveLength(blob.length);
    expect(served.equals(blob)).toBe(false);
    expect(blob.toString()).toBe('a layer of an image');
  });

  test('describes other pieces, and hands out peers that are not there', () => {
    const bad = as('v0.1.28-wrong-tracker', 'tracker');
    const told = '{"Info":{"PieceLength":4194304,"PieceSums":[123,4],"Name":"aa","Length":9}}';
    expect(JSON.parse(bad.asDescribed(told)).Info.PieceSums).toEqual([0, 4]);
    expect(bad.asHandedOut([{ ip: '10.0.0.1', port: 8090 }])).toEqual([{ ip: '10.0.0.1', port: 1 }]);
    expect(bad.asHandedOut(null)).toBe(null);
  });

  test('is wrong in the part that its version names, and in no other', async () => {
    const good = as('v0.1.28-wrong-tracker', 'proxy');
    const told = '{"Info":{"PieceSums":[123]}}';
    expect((await buffer(good.asServed(Readable.from([Buffer.from('same')])))).toString()).toBe('same');
    expect(good.asDescribed(told)).toBe(told);
    expect(good.asHandedOut([{ port: 8090 }])).toEqual([{ port: 8090 }]);
  });
});

test('one that is mute is so in the part that its version names', () => {
  expect(as('v0.1.28-mute-origin', 'origin').isMute()).toBe(true);
  expect(as('v0.1.28-mute-origin', 'agent').isMute()).toBe(false);
});

test('one that is never ready is held back, others are not', () => {
  expect(as('v0.1.28-unready-origin', 'origin').isHeldBack()).toBe(true);
  expect(as('v0.1.28-unready-origin', 'proxy').isHeldBack()).toBe(false);
});
