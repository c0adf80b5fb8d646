import { imageRules } from './image-rules';
import { findImages, type Images, isStandIn } from './images';
import { partRules } from './part-rules';
import { closeStage, openStage, type Stage, startCluster } from './stage';
import { storageRules } from './storage-rules';
import { survivalRules } from './survival-rules';
import { swarmRules } from './swarm-rules';

/** That the suite can fail: a stand-in with planted faults must break exactly these rules. */
const plants = [
  ['ignores-tls', partRules, /where tls is not said/, /exit code of/],
  ['loses-replicas', storageRules, /max_replica origins hold each blob/, /who has it/],
  ['relative-location', imageRules, /Location absolute/, /Location is/],
  ['peers-in-memory', swarmRules, /an announce is kept in Redis/, /^key/],
  ['forgets-queue', survivalRules, /still has to write to its backend survives/, /no backend has it/],
] as const;

describe('a stand-in with planted faults', () => {
  let stage: Stage | undefined;
  let images: Images;

  beforeAll(async () => {
    images = await findImages();
    if (!(await isStandIn(images))) return;
    stage = await openStage(images, [`STAND_IN_PLANT=${plants.map(([plant]) => plant).join(',')}`]);
    await startCluster(stage);
  }, 300_000);
  afterAll(async () => {
    if (stage) await closeStage(stage);
  }, 120_000);

  test.each(plants)(
    '%s is caught',
    async (_, rules, title, complaint) => {
      if (!stage) return;
      const rule = rules.find((it) => title.test(it.title))!;
      await expect(rule.check(stage)).rejects.toThrow(complaint);
    },
    120_000,
  );

  test('another rule holds all the same', async () => {
    if (!stage) return;
    await imageRules.find(({ title }) => /pulled by tag and by digest/.test(title))!.check(stage);
  });
});
