import type { HostConnection } from '../clients/host';
import type { PartName } from '../cluster/spec';
import type { ActivityDependencies } from './dependencies';
import { ActivityError } from './failures';
import { readTail } from './log-tail';

const longestLine = 300;

export interface NotReady {
  deps: ActivityDependencies;
  code?: 'GATE_NOT_READY' | 'PART_UNSTEADY';
  connection: HostConnection;
  gate: { host: string; part: PartName };
  name: string;
  how: string;
  answer: string;
}

/** With the last line of the part's own log. */
export async function notReady({
  deps,
  code = 'GATE_NOT_READY',
  connection,
  gate,
  name,
  how,
  answer,
}: NotReady): Promise<ActivityError> {
  const tail = await readTail(deps, connection.engine, name).catch(() => []);
  const last = tail.map((line) => `; last line of ${name}: ${JSON.stringify(line.slice(0, longestLine))}`).at(-1) ?? '';
  return new ActivityError(
    code,
    `gate ${code === 'GATE_NOT_READY' ? 'ready' : 'steady'}: ${gate.part} on ${gate.host} ${how}; probe: ${answer}${last}`,
    {
      host: gate.host,
      part: gate.part,
      final: true,
      hint: `krakenctl logs ${gate.host} ${gate.part}`,
    },
  );
}
