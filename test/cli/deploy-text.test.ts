import { describeDeploy } from '../../src/cli/deploy-text';
import type { DeployReport } from '../../src/contracts/operation';
import { exampleImages, exampleSpec, observedAs, planFor } from '../support/cluster';
import { plain } from './streams';

const spec = exampleSpec();
const images = exampleImages(spec);
const report = (change: Partial<DeployReport>): DeployReport => ({
  operation: { id: '20261130-000000-deploy-0001', verb: 'deploy', actor: 'ana@ops-1' },
  name: 'deploy-1',
  changed: true,
  plan: planFor(spec, images, observedAs(spec, images)),
  generation: 1,
  ...change,
});
const lines = (change: Partial<DeployReport>) => describeDeploy(report(change), { colors: plain }).join('\n');
const tls = { stages: ['require'], left: [] };

test.each([true, false])('a steward that is not as it should be is told, changed %s', (changed) => {
  const said = ' ! the certificate steward is not as it should be: no schedules here; again: krakenctl deploy';
  expect(lines({ changed, tls: { ...tls, noSteward: 'no schedules here' } })).toContain(said);
  expect(lines({ changed, tls })).not.toContain('steward');
});
