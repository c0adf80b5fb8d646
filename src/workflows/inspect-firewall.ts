import type { ClusterSpec } from '../cluster/spec';
import type { FirewallAction, FirewallInspection } from '../contracts/firewall';
import { lookers } from './activities';

/** The rules of every host, and what an operation would change. Changes nothing. */
export async function inspectFirewall(input: {
  spec: ClusterSpec;
  action: FirewallAction;
}): Promise<FirewallInspection> {
  return lookers.inspectFirewall(input);
}
