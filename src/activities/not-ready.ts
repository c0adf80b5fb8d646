import type { HostConnection } from '../clients/host';
import type { PartName } from '../cluster/spec';
import { ActivityError } from './failures';

const tailLines = 5;

export interface NotReady {
  code?: 'GATE_NOT_READY' | 'PART_UNSTEADY';
  connection: HostConnection;
  gate: { host: string; part: PartName };
  name: string;
  how: string;
  answer: string;
}

/** With the last line of the part's own log. */
export async function notReady({
  code = 'GATE_NOT_READY',
  connection,
  gate,
  name,
  how,
  answer,
}: NotReady): Promise<ActivityError> {
  const tail = await connection.engine
    .logs(name, { tail: tailLines })
    .then((text) => text.trim().split('\n').at(-1) ?? '')
    .catch(() => '');
  const last = tail === '' ? '' : `; last line of ${name}: ${JSON.stringify(tail.slice(0, 300))}`;
  return new ActivityError(
    code,
    `gate ${code === 'GATE_NOT_READY' ? 'ready' : 'steady'}: ${gate.part} on ${gate.host} ${how}; probe: ${answer}${last}`,
    {
      host: gate.host,
      final: true,
      hint: `krakenctl logs ${gate.host} ${gate.part}`,
    },
  );
}
