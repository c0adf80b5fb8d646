import type { ClusterSpec, TlsStage, TlsState } from '../../../src/cluster/spec';
import { tlsStages } from '../../../src/cluster/spec';
import { isDue, type TlsWish, tlsWalk } from '../../../src/cluster/tls/walk';
import { exampleSpec } from '../../support/cluster';

const day = 86_400_000;
const nowMs = Date.parse('2026-11-30T12:00:00.000Z');
const tls = { lifetimeSeconds: (90 * day) / 1000 };
const series = { number: 3, from: '2026-11-01T00:00:00.000Z', until: '2027-02-01T00:00:00.000Z' };
const at = (stage: TlsStage, more: Partial<TlsState> = {}): { tls: ClusterSpec['tls'] } => ({
  tls: { ...tls, state: { stage, signer: 'ca-1', trusts: ['ca-1'], series, ...more } },
});
const plain = exampleSpec();
const wanted: ClusterSpec = { ...plain, tls };
const signer = { kind: 'authority', id: 'ca-1' } as const;

const walk = (wish: Partial<TlsWish>) => tlsWalk({ spec: wanted, signer, nowMs, ...wish });
const states = (wish: Partial<TlsWish>) => walk(wish).map((spec) => spec.tls?.state);
const stages = (wish: Partial<TlsWish>) => states(wish).map((state) => state?.stage ?? 'off');

describe('the way to what is wanted', () => {
  test.each<[string, Partial<TlsWish>, string[]]>([
    ['of a new cluster', { recorded: undefined }, ['require']],
    ['of a new cluster without TLS', { spec: plain, signer: undefined }, ['off']],
    ['of one that runs plain', { recorded: {} }, ['accept', 'bus', 'speak', 'require']],
    ['of one that ended at accept', { recorded: at('accept') }, ['bus', 'speak', 'require']],
    ['of one that ended at speak', { recorded: at('speak') }, ['require']],
    ['of one that is there', { recorded: at('require') }, ['require']],
    ['back', { spec: plain, signer: undefined, recorded: at('require') }, ['speak', 'bus', 'accept', 'off']],
    ['back, ended at bus', { spec: plain, signer: undefined, recorded: at('bus') }, ['accept', 'off']],
    ['of an undo to bus', { spec: { ...wanted, ...at('bus') }, recorded: at('require') }, ['speak', 'bus']],
  ])('%s', (_, wish, expected) => expect(stages(wish)).toEqual(expected));

  test.each([...tlsStages])('never leaves a stage out on the way from %s, in either direction', (from) => {
    const order = ['off', ...tlsStages];
    for (const wish of [{ recorded: at(from) }, { spec: plain, signer: undefined, recorded: at(from) }]) {
      const [...way] = [from, ...stages(wish)];
      for (const [i, stage] of way.slice(1).entries())
        expect(Math.abs(order.indexOf(stage) - order.indexOf(way[i]!))).toBeLessThanOrEqual(1);
    }
  });

  test.each<[string, Partial<TlsWish>, string[], string[]]>([
    ['at accept', { recorded: at('accept') }, ['require'], ['ca-1']],
    ['with another authority', { recorded: at('require'), signer: { ...signer, id: 'ca-2' } }, ['require'], ['ca-2']],
    ['in the middle of a hand-over', { recorded: at('require', { trusts: ['ca-0', 'ca-1'] }) }, ['require'], ['ca-1']],
    ['to no TLS', { spec: plain, signer: undefined, recorded: at('require') }, ['off'], []],
  ])('is one step where the certificates have ended: %s', (_, wish, expected, trusts) => {
    const ended = { ...wish, nowMs: Date.parse(series.until) };
    expect(stages(ended)).toEqual(expected);
    expect(states(ended)[0]?.trusts ?? []).toEqual(trusts);
    expect(stages({ ...ended, nowMs: Date.parse(series.until) - 1 }).length).toBeGreaterThan(
      wish.recorded?.tls?.state?.stage === 'require' && wish.signer?.id === 'ca-1' ? 0 : 1,
    );
  });

  test('leaves all else as it was asked for', () => {
    const spec = exampleSpec((it) => void Object.assign(it, { tls, concurrency: 7 }));
    for (const { tls: _, ...rest } of walk({ spec, recorded: {} })) expect(rest).toEqual({ ...plain, concurrency: 7 });
  });
});

describe('a series', () => {
  test('stays as long as two thirds of its life are not over', () => {
    expect(states({ recorded: at('require') })[0]!.series).toEqual(series);
    expect(isDue(series, Date.parse('2027-01-01T00:00:00Z'))).toBe(false);
    expect(isDue(series, Date.parse('2027-01-02T00:00:00Z'))).toBe(true);
    const later = states({ recorded: at('require'), nowMs: Date.parse('2027-01-02T00:00:00Z') })[0]!.series;
    expect(later.number).toBe(4);
  });

  test('that is new is the same when it is planned again on the same day, and began before the clocks of others', () => {
    const [first, again] = [nowMs, nowMs + 11 * 3_600_000].map((now) => states({ nowMs: now })[0]!.series);
    expect(again).toEqual(first);
    expect(Date.parse(first!.from)).toBeLessThan(nowMs - 3_600_000);
    expect(Date.parse(first!.until) - nowMs).toBeGreaterThanOrEqual(90 * day);
  });

  test('of ten minutes begins a minute before', () => {
    const spec = { ...plain, tls: { lifetimeSeconds: 600 } };
    const { from, until } = states({ spec })[0]!.series;
    expect(nowMs - Date.parse(from)).toBeLessThanOrEqual(120_000);
    expect(Date.parse(until) - nowMs).toBeLessThanOrEqual(12 * 60_000);
  });

  test('is made anew on request, and with another length of life', () => {
    expect(states({ recorded: at('require'), renew: true })[0]!.series.number).toBe(4);
    const spec = { ...plain, tls: { lifetimeSeconds: 3600 } };
    expect(states({ spec, recorded: at('require') })[0]!.series.number).toBe(4);
  });
});

describe('another who signs', () => {
  const next = { kind: 'authority', id: 'ca-2' } as const;
  const ids = (wish: Partial<TlsWish>) => states(wish).map((s) => [s!.signer, s!.trusts]);

  test('is believed by all before anybody shows what it signed, and the one before until nobody does', () => {
    const expected = [
      ['ca-1', ['ca-1', 'ca-2']],
      ['ca-2', ['ca-1', 'ca-2']],
      ['ca-2', ['ca-2']],
    ];
    expect(ids({ recorded: at('require'), signer: next })).toEqual(expected);
  });

  test('goes on where it was left, without doing anything twice', () => {
    const both = { trusts: ['ca-1', 'ca-2'] };
    expect(ids({ recorded: at('require', both), signer: next })).toEqual([
      ['ca-2', ['ca-1', 'ca-2']],
      ['ca-2', ['ca-2']],
    ]);
    const shown = { ...both, signer: 'ca-2' };
    expect(ids({ recorded: at('require', shown), signer: next })).toEqual([['ca-2', ['ca-2']]]);
  });

  const halfWay = { recorded: at('require', { trusts: ['ca-1', 'ca-2'] }), signer: next };
  const numbers = (wish: Partial<TlsWish>) => states(wish).map((s) => [s!.signer, s!.trusts.length, s!.series.number]);

  test('and is waited for: the one before signs anew what is due meanwhile', () => {
    const due = { ...halfWay, nowMs: Date.parse('2027-01-02T00:00:00Z') };
    const expected = [
      ['ca-1', 2, 4],
      ['ca-2', 2, 5],
      ['ca-2', 1, 5],
    ];
    expect(numbers(due)).toEqual(expected);
    expect(numbers({ ...halfWay, renew: true })).toEqual(expected);
    expect(numbers(halfWay)).toEqual([
      ['ca-2', 2, 4],
      ['ca-2', 1, 4],
    ]);
  });

  test('and is waited for, with dates of its own: they are not those of what the former one signs', () => {
    const given = {
      kind: 'given',
      id: 'given-1',
      from: '2026-01-01T00:00:00.000Z',
      until: '2036-01-01T00:00:00.000Z',
    } as const;
    const trusts = ['ca-1', given.id];
    for (const now of ['2027-01-02T00:00:00Z', series.until]) {
      const [first] = states({ recorded: at('require', { trusts }), signer: given, nowMs: Date.parse(now) });
      expect(first).toMatchObject({ signer: 'ca-1', trusts });
      expect(Date.parse(first!.series.until) - Date.parse(now)).toBeLessThanOrEqual(92 * day);
    }
  });

  test('and is waited for: where the certificates have ended, the one before makes others, whom all believe', () => {
    expect(numbers({ ...halfWay, nowMs: Date.parse(series.until) })).toEqual([['ca-1', 2, 4]]);
  });

  test('comes before the rest of the way', () => {
    expect(stages({ recorded: at('accept'), signer: next })).toEqual([
      'accept',
      'accept',
      'accept',
      'bus',
      'speak',
      'require',
    ]);
  });
});
