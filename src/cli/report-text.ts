import type { AuthReport } from '../contracts/auth';
import type { FirewallReport } from '../contracts/firewall';
import { unfoldPlan } from '../contracts/folded-plan';
import type { DeployReport, DestroyReport, TakeOverReport } from '../contracts/operation';
import { describeAuth } from './auth-text';
import { type DeployView, type DescribedReport, describeDeploy } from './deploy-text';
import { describeDestroy } from './destroy-text';
import { describeFirewall } from './firewall-text';
import { describeFleet, isFleetReport } from './fleet-text';
import { describeTakeOver } from './take-over-text';

/** The last lines of an operation that ended well, by what it was. */
export function describeReport(result: unknown, view: DeployView): DescribedReport {
  if (isFleetReport(result)) return describeFleet(result, view);
  const { operation } = result as { operation: { verb: string } };
  if (operation.verb === 'destroy') return describeDestroy(result as DestroyReport, view);
  if (operation.verb === 'auth') return describeAuth(result as AuthReport, view);
  if (operation.verb === 'firewall') return describeFirewall(result as FirewallReport, view);
  if (operation.verb === 'takeover') return describeTakeOver(result as TakeOverReport, view);
  const report = result as DeployReport;
  return { lines: describeDeploy(report, view), left: [], data: { ...report, plan: unfoldPlan(report.plan) } };
}
