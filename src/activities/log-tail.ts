import type { HostConnection } from '../clients/host';
import { containerName, labels } from '../cluster/names';
import type { LogActivities } from '../contracts/activities';
import { makeVisible } from '../text/characters';
import { makeRedactor, type Redact } from '../text/redaction';
import { type ActivityDependencies, connectTo } from './dependencies';

const shownLines = 10;
const longestLine = 400;
/** More than are shown: a private key is known by its first or its last line alone, and is about so long. */
const readLines = 80;
/** Of a line, before it is looked through. */
const longestRead = 4000;
const colors = /\u001b\[[\d;]*m/g;
const byLook = makeRedactor([]);

export function logActivities(deps: ActivityDependencies): LogActivities {
  return {
    async readLogTail({ spec, host, part }) {
      const { engine } = await connectTo(deps, spec, host);
      const found = await engine.inspect(containerName(spec.name, host, part));
      return found?.labels[labels.cluster] === spec.name ? readTail(deps, engine, found.id) : [];
    },
  };
}

/** The last lines that a container wrote, fit for a history and for a terminal. */
export async function readTail(
  { redact }: Pick<ActivityDependencies, 'redact'>,
  engine: HostConnection['engine'],
  id: string,
): Promise<string[]> {
  return tailOf(await engine.logs(id, { tail: readLines }), redact);
}

export function tailOf(text: string, redact: Redact = byLook): string[] {
  const plain = text.replace(colors, '').split('\n').map(cut).join('\n');
  const lines = redact(plain).split('\n');
  const shown = lines.map((line) => line.trimEnd().replaceAll('\t', '    ')).filter((line) => line !== '');
  return shown.slice(-shownLines).map((line) => makeVisible(line, longestLine).slice(0, longestLine + 1));
}

/** What stands at the cut goes too: it may be the half of a secret. */
function cut(line: string): string {
  return line.length > longestRead ? line.slice(0, longestRead).replace(/\S*$/, '') : line;
}
