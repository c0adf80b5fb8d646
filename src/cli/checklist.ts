import type { Finding } from '../cluster/preflight/findings';
import type { ChecklistLine } from './check-text';

export interface ChecklistFacts {
  /** Keys that were set by file, environment or flag. */
  keysSet: number;
  warnings: number;
  findings: Finding[];
  hosts: number;
}

const wayCodes = ['HOST_UNREACHABLE', 'HOST_REFUSED', 'HOST_KEY', 'RIGHTS_MISSING', 'PORT_BLOCKED'];

/** The seed's production checklist, line by line; what is not built yet says so. */
export function makeChecklist({ keysSet, warnings, findings, hosts }: ChecklistFacts): ChecklistLine[] {
  const cut = findings.filter((f) => wayCodes.includes(f.code) && f.level === 'failure').length;
  const untried = findings.some((f) => f.code === 'PROGRAM_MISSING' && f.what.startsWith('perl'));
  const ways = `${hosts} hosts log in, and reach each other on every port that will be used`;
  return [
    {
      title: 'Customize .env configuration',
      state: 'done',
      note: `${keysSet} keys set, no mistake, ${warnings} ${warnings === 1 ? 'warning' : 'warnings'}`,
    },
    { title: 'Configure TLS certificates', state: 'not yet', note: 'TLS is not built' },
    { title: 'Set up monitoring alerts', state: 'not yet', note: 'alerts are not built' },
    { title: 'Configure backup schedule', state: 'not yet', note: 'backups are not built' },
    { title: 'Test disaster recovery', state: 'not yet', note: 'restoring is not built' },
    {
      title: 'Validate network connectivity',
      state: cut > 0 ? 'failed' : untried ? 'open' : 'done',
      note: cut > 0 ? `${cut} ways are cut, see above` : untried ? 'not every port could be tried, see above' : ways,
    },
    {
      title: 'Configure firewall rules',
      state: 'not yet',
      note: 'krakenctl sets no rules; the line above says what is open',
    },
    { title: 'Test agent deployment', state: 'not yet', note: 'deploying agents is not built' },
    { title: 'Run comprehensive tests', state: 'open', note: 'after the deploy: krakenctl test smoke' },
    {
      title: 'Document environment specifics',
      state: 'done',
      note: 'krakenctl config show --origin; each deploy keeps its record on the nodes',
    },
  ];
}
