import { Client, Connection } from '@temporalio/client';
import { krakenctl, must, temporalPort, until } from '../support/lab';
import { LabWorker } from '../support/lab-worker';
import type { FaultyEnd } from './through-faults';

export interface FrozenDeploy {
  /** Of `krakenctl`; it must come back before the operation has ended. */
  argv: string[];
  /** Names the workers' files. */
  name: string;
  /** Of the operation's workflow. */
  workflowId: string;
  /** Workers that are to freeze, each at a moment of chance. */
  freezes: number;
  random: () => number;
  /** Moments that the same operation reaches without faults. */
  moments: string[];
}

const withinMs = 900_000;

/**
 * An operation of several workers, all but one of which freeze with something in their hands, most of them one after the other. Each stays frozen until
 * Temporal has taken all of that away and another has it, or is done with it; then it wakes with what it still wanted to do, and is let bring it to its end.
 */
export async function deployThroughFreezes(deploy: FrozenDeploy): Promise<FaultyEnd> {
  const { argv, name, freezes, moments, random } = deploy;
  const armed = moments.length > 0 ? Array.from({ length: freezes }, () => freezeAt(moments, random)) : [];
  const workers = await Promise.all(
    [...armed, ''].map((failpoint, n) => LabWorker.start(`record${failpoint}`, `${name}-${n}`)),
  );
  const connection = await Connection.connect({ address: `127.0.0.1:${temporalPort}` });
  const client = new Client({ connection });
  try {
    await must(argv);
    const over = client.workflow.getHandle(deploy.workflowId).result().then(noted, noted);
    const zombies = await Promise.all(armed.map((_, n) => zombieOf(workers[n]!, { client, deploy, over })));
    await over;
    await Promise.all(workers.map((worker) => worker.leave()));
    const { code, stdout, stderr } = await krakenctl(['op', 'attach']);
    const fired = zombies.filter((boundary) => boundary !== undefined);
    const reached = workers.at(-1)!.lines();
    return { code, said: `${stdout}${stderr}`, fired, void: armed.length - fired.length, moments: reached };
  } finally {
    await connection.close();
    for (const worker of workers) await worker.kill();
  }
}

const noted = () => undefined;

/** Soon after it has taken the work over. */
function freezeAt(moments: string[], random: () => number): string {
  const [kind] = moments[Math.floor(random() * moments.length)]!.split(':');
  return `,${kind}:*#${1 + Math.floor(random() * 6)}=freeze`;
}

interface Watched {
  client: Client;
  deploy: FrozenDeploy;
  over: Promise<void>;
}

/** The boundary at which it froze, once it is awake again; undefined where it never came there, or froze with nothing of the operation in its hands. */
async function zombieOf(worker: LabWorker, { client, deploy, over }: Watched): Promise<string | undefined> {
  let isOver = false;
  void over.then(() => {
    isOver = true;
  });
  const seen = async () => (worker.fired ? 'frozen' : isOver ? 'over' : undefined);
  if ((await until('a worker freezes, or the operation ends', seen, withinMs)) === 'over' && !worker.fired)
    return undefined;
  const held = () => heldBy(worker.pid, client, deploy.workflowId);
  const first = isOver ? [] : await held();
  const taken = async () => (isOver || (await held()).length === 0 ? true : undefined);
  await until('what the frozen worker held is taken from it', taken, withinMs);
  worker.thaw();
  // It ends when what it woke with has ended: the others are to freeze too, and one worker does most of what there is to do.
  await worker.leave();
  const [where = ''] = worker.lines().filter((line) => line.endsWith('=freeze'));
  return first.length > 0 ? `freeze ${where.replace(/#.*/, '')}` : undefined;
}

/** Activities that were handed to it and to nobody since. */
async function heldBy(pid: number, client: Client, workflowId: string): Promise<string[]> {
  const { raw } = await client.workflow.getHandle(workflowId).describe();
  // `krakenctl@VERSION PID.MARK@HOST`
  const itself = new RegExp(` ${pid}[.@]`);
  return (raw.pendingActivities ?? [])
    .filter(({ lastWorkerIdentity }) => itself.test(lastWorkerIdentity ?? ''))
    .map(({ activityId }) => activityId!);
}
