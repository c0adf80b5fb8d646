import type { AuthReport, AuthView, ShownUser } from '../contracts/auth';
import type { DeployView, DescribedReport } from './deploy-text';
import type { Colors } from './output';

/** Who may come in, as lines. */

const may = { pull: 'may pull', push: 'may pull and push' } as const;

export function renderUsers({ users, revoked, unseen }: AuthView, colors: Colors): string[] {
  const width = Math.max(0, ...users.map(({ name }) => name.length));
  const line = ({ name, role, since }: ShownUser) => ` ${name.padEnd(width)}  ${may[role].padEnd(17)}  since ${since}`;
  const nobody = colors.dim(' no users   → krakenctl auth users add NAME --role push');
  return [
    ...(users.length > 0 ? users.map(line) : [nobody]),
    ...(revoked.length > 0 ? [` VMs whose credential was taken away: ${revoked.join(', ')}`] : []),
    ...unseen.map(({ host, error }) => colors.yellow(` ! ${host}, which keeps the list too: ${error}`)),
  ];
}

/** The last lines of an operation that ended well. */
export function describeAuth(report: AuthReport, { colors }: DeployView): DescribedReport {
  const left = report.left.map(({ host, why }) => `${host}: ${why}`);
  const count = report.balancers.length;
  const where = count === 1 ? '1 load balancer' : `${count} load balancers`;
  return {
    lines: [
      ...left.map((text) => colors.yellow(` ! left to do: ${text}   → when it is back: krakenctl deploy`)),
      colors.green(`Done: ${report.summary}${report.changed ? '' : ' (it was so already)'}, on ${where}`),
    ],
    left,
  };
}
