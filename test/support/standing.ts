import { readFileSync, rmSync, writeFileSync } from 'node:fs';
import type { Lab } from '../../src/lab/lab';
import { addVms, freshLab, krakenctl, must, standingNote, writeEnv } from './lab';

/** A cluster that is handed from one e2e file to the next (order.cjs), so that not each begins with minutes of the same. */
export interface Standing {
  /** On top of the lab's own `.env`. */
  env: Record<string, string>;
  /** VMs of the lab. */
  vms: number;
  /** Names of those with agents. */
  agents: string[];
}

/** Nodes alone, by the lab's own `.env`. */
export const plain: Standing = { env: {}, vms: 0, agents: [] };

/** For the file that follows. It looks for itself whether that is so. */
export function leaveStanding(standing: Standing): void {
  writeFileSync(standingNote, JSON.stringify(standing));
}

/** The one that was left, where it is the one that is wanted and a deploy has nothing to do; else a new one. */
export async function standingCluster(wanted: Standing): Promise<Lab> {
  const left = takeNote();
  if (left && isLike(left, wanted)) {
    const lab = await addVms(wanted.vms);
    writeEnv(lab, wanted.env);
    const run = await krakenctl(['deploy', '--yes']);
    if (run.code === 0 && /nothing to change|only the record was written/i.test(run.stdout)) return lab;
    process.stderr.write(
      ` ▸ the cluster that was left is not as it was said to be: a new one\n${run.stdout}${run.stderr}`,
    );
  }
  const lab = await freshLab({ vms: wanted.vms });
  writeEnv(lab, wanted.env);
  await must(['deploy', '--yes']);
  const addresses = lab.hosts.filter(({ name }) => wanted.agents.includes(name)).map(({ address }) => address);
  if (addresses.length > 0) await must(['agent', 'deploy', ...addresses]);
  return lab;
}

const isLike = (a: Standing, b: Standing) =>
  JSON.stringify(Object.entries(a.env).sort()) === JSON.stringify(Object.entries(b.env).sort()) &&
  JSON.stringify([...a.agents].sort()) === JSON.stringify([...b.agents].sort());

/** It counts once: whoever takes the cluster on may leave it in any state. */
function takeNote(): Standing | undefined {
  try {
    return JSON.parse(readFileSync(standingNote, 'utf8'));
  } catch {
    return undefined;
  } finally {
    rmSync(standingNote, { force: true });
  }
}
