import type { Context } from './context';
import { CliFailure } from './failure';
import { askAll, canAsk, confirmDoubtful } from './questions';

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
  if (given !== cluster) await confirmByWord(cluster, action);
}

/** What destroys and can be had again: a person agrees to it, or `--yes` does. */
export interface Agreement {
  /** `remove the agents of 2 VMs, with their data` */
  action: string;
  /** Typed in place of yes. */
  word?: string;
}

/** Before anything is contacted: nobody is there to agree. */
export function requireAgreeable(context: Context, { action }: Agreement): void {
  if (context.globals.yes || canAsk(context)) return;
  throw new CliFailure('CONFIRMATION_NEEDED', `to ${action}, a person has to agree; nothing was done`, {
    hint: 'the same with --yes',
  });
}

/** @throws {CliFailure} CANCELLED where the person does not. */
export async function agree({ globals }: Context, { action, word }: Agreement): Promise<void> {
  if (globals.yes) return;
  if (word !== undefined) return confirmByWord(word, action);
  if (!(await confirmDoubtful(`${action}?`))) throw new CliFailure('CANCELLED', 'not agreed to; nothing was done');
}

async function confirmByWord(word: string, action: string): Promise<void> {
  const typed = (await askAll((questions) => questions.question(`type ${word} to ${action}: `))).trim();
  if (typed === word) return;
  throw new CliFailure('CANCELLED', `${typed || 'nothing'} was typed, not ${word}; nothing was done`);
}
