import type { Context } from './context';
import { CliFailure } from './failure';
import { askAll } from './questions';

/** What cannot be undone asks for the cluster's name, typed or as `--confirm NAME`; `--yes` is too easily a habit. */
export interface Confirmation {
  cluster: string;
  /** `--confirm` */
  given?: string;
  /** `destroy it` */
  action: string;
}

/** Before any host is contacted: nobody is there to type a name, or the wrong one was given. */
export function requireConfirmable({ output }: Context, { cluster, given, action }: Confirmation): void {
  if (given !== undefined && given !== cluster) {
    const text = `--confirm ${given}: this cluster is called ${cluster}; nothing was done`;
    throw new CliFailure('CONFIRMATION_NEEDED', text, { hint: 'check CLUSTER_NAME and --env-file' });
  }
  if (given !== undefined || canType(output)) return;
  throw new CliFailure('CONFIRMATION_NEEDED', `to ${action}, the name of the cluster is needed; nothing was done`, {
    hint: `--confirm ${cluster}`,
  });
}

function canType({ streams, isText }: Context['output']): boolean {
  return streams.interactive && isText && !streams.environment.CI;
}

export async function confirmByName({ cluster, given, action }: Confirmation): Promise<void> {
  if (given === cluster) return;
  const typed = await askAll((questions) => questions.question(`type ${cluster} to ${action}: `));
  if (typed.trim() === cluster) return;
  throw new CliFailure('CANCELLED', `${typed.trim() || 'nothing'} was typed, not ${cluster}; nothing was done`);
}
