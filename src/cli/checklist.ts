import type { Finding } from '../cluster/preflight/findings';
import type { ChecklistLine } from './check-text';

export interface ChecklistFacts {
  /** Keys that were set by file, environment or flag. */
  keysSet: number;
  warnings: number;
  findings: Finding[];
  hosts: number;
  ways: { tried: number; untried: number };
  /** Nodes that have rules of krakenctl. */
  firewall: string[];
  tls: { wanted: boolean; runs: boolean };
}

const wayCodes = [
  ...[
    'HOST_UNREACHABLE',
    'HOST_REFUSED',
    'HOST_KEY',
    'RIGHTS_MISSING',
    'REMOTE_COMMAND',
    'OUTCOME_UNKNOWN',
    'INTERNAL',
  ],
  'PORT_BLOCKED',
];

/** The seed's production checklist, line by line; what is not built yet says so. */
export function makeChecklist({
  keysSet,
  warnings,
  findings,
  hosts,
  ways,
  firewall,
  tls,
}: ChecklistFacts): ChecklistLine[] {
  const cut = findings.filter((f) => wayCodes.includes(f.code) && f.level === 'failure').length;
  const all = `${hosts} hosts log in, and reach each other on every port that will be used`;
  const some = `${ways.tried} ports between hosts are open; ${ways.untried} were not tried, since nothing listens there now`;
  const isWhole = ways.untried === 0 && ways.tried > 0;
  return [
    {
      title: 'Customize .env configuration',
      state: 'done',
      note: `${keysSet} keys set, no mistake, ${warnings} ${warnings === 1 ? 'warning' : 'warnings'}`,
    },
    { title: 'Configure TLS certificates', ...tlsLine(tls, findings) },
    { title: 'Set up monitoring alerts', state: 'not yet', note: 'alerts are not built' },
    { title: 'Configure backup schedule', state: 'not yet', note: 'backups are not built' },
    { title: 'Test disaster recovery', state: 'not yet', note: 'restoring is not built' },
    {
      title: 'Validate network connectivity',
      state: cut > 0 ? 'failed' : isWhole ? 'done' : 'open',
      note: cut > 0 ? `${cut} ways are cut, see above` : isWhole ? all : some,
    },
    {
      title: 'Configure firewall rules',
      state: firewall.length === hosts ? 'done' : 'open',
      note: firewallNote(firewall.length, hosts),
    },
    {
      title: 'Test agent deployment',
      state: 'open',
      note: 'after the deploy: krakenctl agent deploy VM, then krakenctl agent pull IMAGE --on VM',
    },
    { title: 'Run comprehensive tests', state: 'open', note: 'after the deploy: krakenctl test smoke' },
    {
      title: 'Document environment specifics',
      state: 'done',
      note: 'krakenctl config show --origin; each deploy keeps its record on the nodes',
    },
  ];
}

/** Codes of what is wrong with the certificates, whoever made them. */
const certificateCodes = ['TLS_GIVEN', 'PUBLIC_KEY', 'CERTIFICATES_ENDED'];

function tlsLine({ wanted, runs }: ChecklistFacts['tls'], findings: Finding[]): Omit<ChecklistLine, 'title'> {
  if (!wanted) return { state: 'open', note: 'ENABLE_TLS=true, then krakenctl deploy; docs/tls.md' };
  if (findings.some(({ code }) => certificateCodes.includes(code)))
    return { state: 'failed', note: 'the certificates are not fit, see above' };
  if (runs) return { state: 'done', note: 'the cluster has them; krakenctl tls status says until when' };
  return { state: 'open', note: 'ENABLE_TLS is true; krakenctl deploy brings them' };
}

function firewallNote(withRules: number, hosts: number): string {
  if (withRules === hosts)
    return `all ${hosts} nodes have rules; krakenctl firewall status says whether they are those of .env`;
  const now = withRules === 0 ? '' : `${withRules} of ${hosts} nodes have rules; `;
  return `${now}krakenctl firewall plan shows them, krakenctl firewall apply puts them there`;
}
