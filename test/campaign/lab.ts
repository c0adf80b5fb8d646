import { expect } from 'expect';
import { closeLab, krakenctl, openLab } from '../support/lab';
import { chance } from './chance';
import { type Fault, liveInLab } from './lab-life';
import { emptyTally, type Tally } from './modelled';

// The end state's rules are written with jest's words.
Object.assign(globalThis, { expect });

export interface LabCampaign {
  fault: Fault;
  /** Faults to make. */
  faults: number;
  firstSeed: number;
  faultsPerDeploy: number;
  /** Ends the campaign early, with what it has, when the life under way is over. */
  stop: AbortSignal;
  say: (text: string) => void;
}

export async function runInLab({ firstSeed, faults, ...campaign }: LabCampaign): Promise<Tally & { seeds: number[] }> {
  const tally = emptyTally();
  const seeds: number[] = [];
  await openLab();
  try {
    await krakenctl(['worker', 'stop']);
    campaign.say('one life without faults, to know which moments there are');
    const first = { seed: 0, random: chance(0), tally: emptyTally() };
    const moments = await liveInLab({ ...campaign, ...first });
    if (first.tally.violations.length > 0) throw new Error(`without any fault: ${first.tally.violations.join('; ')}`);
    campaign.say(`${moments.map((m) => m.length).join(', ')} moments in its deploys`);
    for (let seed = firstSeed; tally.fired < faults && !campaign.stop.aborted; seed += 1) {
      seeds.push(seed);
      await liveInLab({ ...campaign, seed, random: chance(seed), tally, moments });
    }
  } finally {
    await closeLab();
  }
  return { ...tally, seeds };
}
