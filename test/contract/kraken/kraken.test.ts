import { writeFileSync } from 'node:fs';
import { dockerRules } from './docker-rules';
import { imageRules } from './image-rules';
import { findImages } from './images';
import { lifecycleRules } from './lifecycle-rules';
import { loneRules } from './lone-rules';
import { partRules } from './part-rules';
import type { Rule } from './rules';
import { closeStage, openStage, type Stage, startCluster } from './stage';
import { storageRules } from './storage-rules';
import { survivalRules } from './survival-rules';
import { swarmRules } from './swarm-rules';
import { tagRules } from './tag-rules';
import { tlsRules } from './tls-rules';

/** What krakenctl and its tests rely on in Kraken; runs unchanged on real images and on the stand-in. */
const planted = process.env.KRAKEN_CONTRACT_PLANT;

describe('Kraken', () => {
  let stage: Stage | undefined;
  const hold = (rules: Rule[]) => test.each(rules)('$title', async ({ check }) => check(stage!), 180_000);

  beforeAll(async () => {
    const { redis, ...images } = await findImages();
    // For the report: which images these rules were seen on.
    if (process.env.KRAKEN_CONTRACT_USED) writeFileSync(process.env.KRAKEN_CONTRACT_USED, JSON.stringify(images));
    stage = await openStage({ ...images, redis }, planted ? [`STAND_IN_PLANT=${planted}`] : []);
  }, 300_000);
  afterAll(async () => {
    if (stage) await closeStage(stage);
  }, 120_000);

  describe('each part by itself', () => hold([...partRules, ...tlsRules, ...lifecycleRules]));
  describe('a cluster of three nodes', () => {
    beforeAll(async () => startCluster(stage!), 120_000);
    describe('images', () => hold(imageRules));
    describe('storage', () => hold(storageRules));
    describe('tags', () => hold(tagRules));
    describe('peers and agents', () => hold([...swarmRules, ...loneRules]));
    describe('Docker as client', () => hold(dockerRules));
    describe('restarts and deaths', () => hold(survivalRules));
  });
});
