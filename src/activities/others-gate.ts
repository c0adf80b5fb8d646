import { readinessOf } from '../cluster/component';
import { containerName, labels } from '../cluster/names';
import type { ClusterSpec, PartName } from '../cluster/spec';
import type { GateActivities } from '../contracts/activities';
import type { GateBeat } from '../contracts/gate-beat';
import { deadlineOf } from './deadline';
import { type ActivityDependencies, connectToOther } from './dependencies';
import { ActivityError } from './failures';
import { beat, pause } from './heartbeat';
import { probeOnce } from './hosts';

const lookAgainMs = 500;

interface Unready {
  host: string;
  part: PartName;
  answer: string;
}

/** What a node serves, every other one serves too before it goes; what it does not serve itself is no worse without it. */
export async function awaitOthers(
  deps: ActivityDependencies,
  { spec, gate, operation, timeoutMs }: Parameters<GateActivities['awaitOthers']>[0],
): Promise<void> {
  const { leaving, besides, parts } = gate;
  const others = spec.nodes.map((n) => n.id).filter((id) => ![...leaving, ...besides].includes(id));
  const deadline = deadlineOf(deps, timeoutMs);
  for (;;) {
    const unready = await unreadyOf(deps, spec, { hosts: others, parts });
    if (unready.length === 0) return;
    const own = await unreadyOf(deps, spec, { hosts: leaving, parts });
    const missed = unready.find(({ part }) =>
      leaving.some((host) => !own.some((o) => o.host === host && o.part === part)),
    );
    if (!missed) return;
    const because = `${missed.host} ${missed.part}: ${missed.answer}`;
    beat({ gate: 'others', host: leaving.join(', '), because } satisfies GateBeat);
    if (deps.now() > deadline) throw await failureOf(deps, spec, { missed, leaving, operation: operation.id });
    await pause(lookAgainMs);
  }
}

async function unreadyOf(
  deps: ActivityDependencies,
  spec: ClusterSpec,
  { hosts, parts }: { hosts: string[]; parts: PartName[] },
): Promise<Unready[]> {
  const all = hosts.flatMap((host) => parts.map((part) => ({ host, part })));
  const answers = await Promise.all(
    all.map(async ({ host, part }) => {
      const answer = await connectToOther(deps, spec, host).then(
        (connection) => probeOnce(connection, readinessOf(spec, part)),
        (error: Error) => error.message,
      );
      return { host, part, answer };
    }),
  );
  return answers.filter(({ answer }) => answer !== 'ready');
}

/** What this operation has made there is taken back like any other; what it has not touched it leaves, and everything else with it. */
async function failureOf(
  deps: ActivityDependencies,
  spec: ClusterSpec,
  { missed, leaving, operation }: { missed: Unready; leaving: string[]; operation: string },
): Promise<ActivityError> {
  const { host, part, answer } = missed;
  const isOurs = await connectToOther(deps, spec, host)
    .then(({ engine }) => engine.inspect(containerName(spec.name, host, part)))
    .then((container) => container?.labels[labels.operation] === operation)
    .catch(() => false);
  const text = `${part} on ${host} does not serve (${answer}), and ${leaving.join(', ')} would be away beside it`;
  return new ActivityError(
    isOurs ? 'GATE_NOT_READY' : 'OTHERS_NOT_READY',
    `gate others: ${text}${isOurs ? '' : '; nothing further was changed'}`,
    { host, part, final: true, hint: `krakenctl logs ${host} ${part}; a node with a part that is stopped comes first` },
  );
}
