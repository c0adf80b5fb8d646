import { openLab } from './lab';

/** One lab, one Temporal and one worker for all e2e files; what they keep is told to the files by environment. */
export default async function setup(): Promise<void> {
  await openLab();
}
