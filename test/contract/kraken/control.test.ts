import { imageRules } from './image-rules';
import { findImages, isStandIn } from './images';
import { partRules } from './part-rules';
import type { Rule } from './rules';
import { closeStage, openStage, type Stage, startCluster } from './stage';
import { storageRules } from './storage-rules';
import { survivalRules } from './survival-rules';
import { swarmRules } from './swarm-rules';
import { tlsRules } from './tls-rules';

/** That the suite can fail: a stand-in with planted faults must break exactly these rules. */
const alone = [
  ['ignores-tls', partRules, /where tls is not said/, /exit code of/],
  ['ignores-tls', tlsRules, /takes TLS alone/, /health in TLS/],
] as const;
const clustered = [
  ['loses-replicas', storageRules, /max_replica origins hold each blob/, /who has it/],
  ['relative-location', imageRules, /Location absolute/, /Location is/],
  ['peers-in-memory', swarmRules, /an announce is kept in Redis/, /^key/],
  ['forgets-queue', survivalRules, /still has to write to its backend survives/, /no backend has it/],
] as const;

describe('a stand-in with planted faults', () => {
  let stage: Stage | undefined;

  beforeAll(async () => {
    const images = await findImages();
    if (!(await isStandIn(images))) return;
    const plants = [...alone, ...clustered].map(([plant]) => plant);
    stage = await openStage(images, [`STAND_IN_PLANT=${plants.join(',')}`]);
  }, 300_000);
  afterAll(async () => {
    if (stage) await closeStage(stage);
  }, 120_000);

  async function expectCaught(rules: readonly Rule[], title: RegExp, complaint: RegExp): Promise<void> {
    if (!stage) return;
    const rule = rules.find((it) => title.test(it.title))!;
    await expect(rule.check(stage)).rejects.toThrow(complaint);
  }

  test.each(alone)('%s is caught', (_, ...wanted) => expectCaught(...wanted), 120_000);

  describe('in a cluster', () => {
    beforeAll(async () => {
      if (stage) await startCluster(stage);
    }, 120_000);

    test.each(clustered)('%s is caught', (_, ...wanted) => expectCaught(...wanted), 120_000);

    test('another rule holds all the same', async () => {
      if (stage) await imageRules.find(({ title }) => /pulled by tag and by digest/.test(title))!.check(stage);
    });
  });
});
