import type { ProofReport, SmokeInput } from '../contracts/operation';
import { proofs } from './activities';
import { Progress } from './progress';

/** The proof of a deploy alone, against the living cluster. */
export async function smokeTest(input: SmokeInput): Promise<ProofReport> {
  const progress = new Progress(input.operation);
  return progress.during('proof', 'proof', () => proofs.proveCluster(input));
}
