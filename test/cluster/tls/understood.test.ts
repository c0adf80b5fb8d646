import type { ClusterSpec, TlsStage, TlsState } from '../../../src/cluster/spec';
import { tlsStages } from '../../../src/cluster/spec';
import { understoodByAgents } from '../../../src/cluster/tls/understood';

type Tls = Pick<ClusterSpec, 'tls'>;

const series = { number: 1, from: '2026-11-01T00:00:00.000Z', until: '2027-02-01T00:00:00.000Z' };
const at = (stage: TlsStage | 'off', more: Partial<TlsState> = {}): Tls =>
  stage === 'off'
    ? {}
    : { tls: { lifetimeSeconds: 600, state: { stage, signer: 'old', trusts: ['old'], series, ...more } } };
const both = at('require', { trusts: ['old', 'new'] });
const shown = at('require', { signer: 'new', trusts: ['old', 'new'] });
const alone = at('require', { signer: 'new', trusts: ['new'] });

const through = (recorded: Tls, specs: Tls[], areThere = false) => understoodByAgents({ recorded, specs, areThere });

describe('states of TLS that agents go through as they are', () => {
  test.each<[string, Tls, Tls[], number]>([
    ['to TLS: up to the one before load balancers take nothing else', at('off'), tlsStages.map((s) => at(s)), 3],
    ['to TLS, from half way', at('bus'), [at('speak'), at('require')], 1],
    ['to TLS, where they were not brought yet', at('speak'), [at('require')], 0],
    [
      'back: up to the one before load balancers take none',
      at('require'),
      [at('speak'), at('bus'), at('accept'), at('off')],
      3,
    ],
    ['back, where they were not brought yet', at('accept'), [at('off')], 0],
    ['another authority: until its certificates are shown', at('require'), [both, shown, alone], 1],
    ['another authority, from half way', both, [shown, alone], 0],
    ['another authority, which is shown already', shown, [alone], 1],
    ['new certificates of the same one', at('require'), [at('require', { series: { ...series, number: 2 } })], 1],
    ['what a cluster is in already', at('require'), [at('require')], 1],
  ])('%s', (_, recorded, specs, count) => expect(through(recorded, specs)).toBe(count));

  test.each<[string, Tls, Tls[]]>([
    ['to TLS', at('speak'), [at('require')]],
    ['back', at('accept'), [at('off')]],
    ['another authority', both, [shown, alone]],
  ])('%s: all, when they have the release of what is recorded', (_, recorded, specs) =>
    expect(through(recorded, specs, true)).toBe(specs.length),
  );

  test('that release goes no further than it is understood either', () => {
    expect(through(at('speak'), [at('bus'), at('accept'), at('off')], true)).toBe(2);
    expect(through(at('accept'), [at('bus'), at('speak'), at('require')], true)).toBe(2);
  });
});
