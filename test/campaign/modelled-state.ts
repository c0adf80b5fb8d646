import type { MemoryLab } from '../support/memory-hosts';

/** What a lab in memory looks like, without what may differ between two runs of the same deploy. */
export function stateOf(lab: MemoryLab): Record<string, unknown> {
  const hosts = [...lab.machines.values()].sort((a, b) => a.host.id.localeCompare(b.host.id));
  return Object.fromEntries(
    hosts.map((machine) => [
      machine.host.id,
      {
        containers: [...machine.containers.values()]
          .map(({ name, image, imageId, state, labels }) => {
            const { 'io.krakenctl.operation': _, ...kept } = labels;
            return { name, image, imageId, state, labels: kept };
          })
          .sort((a, b) => a.name.localeCompare(b.name)),
        files: [...machine.stored]
          .filter(([path]) => path.startsWith('/etc/kraken/'))
          .map(([path, { contents, mode }]) => ({ path, mode, text: contents.toString() }))
          .sort((a, b) => a.path.localeCompare(b.path)),
        record: recordOf(machine.stored),
        redis: [...lab.redisCluster.instances.values()]
          .filter((i) => i.address === machine.host.address)
          .map(({ port, masterId, slots, knows }) => ({
            port,
            isMaster: masterId === undefined,
            slots,
            knows: knows.size,
          })),
      },
    ]),
  );
}

function recordOf(stored: Map<string, { contents: Buffer }>): unknown {
  const text = (name: string) => stored.get(`/var/lib/krakenctl/cluster/${name}`)?.contents.toString() ?? '';
  const { generation, desiredHash, counts, images } = JSON.parse(text('state.json') || '{}') as Record<string, unknown>;
  const lines = text('operations.jsonl').split('\n').filter(Boolean);
  const ends = lines.map((line) => JSON.parse(line) as { id: string; result: string; name: string });
  return {
    ...{ generation, desiredHash, counts, images },
    operations: ends.map(({ name, result }) => `${name} ${result}`),
    twice: ends.length - new Set(ends.map((e) => e.id)).size,
  };
}

export function idsOf(lab: MemoryLab): Record<string, string> {
  const all = [...lab.machines.values()].flatMap((m) => [...m.containers.values()]);
  return Object.fromEntries(all.map((c) => [c.name, c.id]));
}

/** Names that were created more often than once in this part of the journal. */
export function createdTwice(journal: string[]): string[] {
  const counts = new Map<string, number>();
  for (const line of journal.filter((l) => / create /.test(l))) counts.set(line, (counts.get(line) ?? 0) + 1);
  return [...counts].filter(([, n]) => n > 1).map(([line, n]) => `${line} ${n} times`);
}
