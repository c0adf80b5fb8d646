import type { StewardView } from '../../src/cli/steward';
import { renderSteward } from '../../src/cli/steward-text';
import { plain } from './streams';

const works: StewardView = { state: 'works', everyMs: 43_200_000, next: '2026-12-01T09:12:00.000Z' };
const at = '2026-11-30T21:00:00.000Z';

test.each<[string, StewardView, string[]]>([
  [
    'missing',
    { state: 'missing' },
    [' ! steward  there is none: certificates are not made anew by themselves; krakenctl deploy makes it'],
  ],
  ['young', works, [' steward  every 12h00m · next 2026-12-01T09:12Z', '          its first turn is still to come']],
  [
    'at work',
    { ...works, last: { at, state: 'running' } },
    [' steward  every 12h00m · next 2026-12-01T09:12Z', '          last 2026-11-30T21:00Z: under way'],
  ],
  [
    'paused',
    {
      state: 'paused',
      everyMs: 1,
      note: 'ana@ops-1: audit',
      last: { at, state: 'done', report: { did: 'nothing', text: 'the certificates are good' } },
    },
    [
      ' ! steward  paused by ana@ops-1: audit; krakenctl tls schedule resume',
      '          last 2026-11-30T21:00Z: the certificates are good',
    ],
  ],
  [
    'of a turn that is forgotten',
    { ...works, last: { at, state: 'unknown' } },
    [
      ' steward  every 12h00m · next 2026-12-01T09:12Z',
      '          last 2026-11-30T21:00Z: what came of it is not kept any more',
    ],
  ],
  [
    'of a turn that failed',
    { ...works, last: { at, state: 'failed', why: 'no answer' } },
    [' steward  every 12h00m · next 2026-12-01T09:12Z', '          last 2026-11-30T21:00Z: failed: no answer'],
  ],
])('a steward that is %s', (_, view, expected) => expect(renderSteward(view, plain)).toEqual(expected));
