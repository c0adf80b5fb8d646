import type { FleetInput, Serials } from '../contracts/agents';
import { effects, lookers } from './activities';
import { bringRecord } from './auth-record';
import { type FleetHosts, onBalancers } from './fleet-hosts';

/** The host part of `user@host:port`; workflow code knows the core as types alone. */
function vmName(vm: string): string {
  return vm.slice(vm.indexOf('@') + 1, vm.lastIndexOf(':'));
}

/** Credentials of VMs, where logins are needed: the load balancers know them before a VM comes with one. */

export interface FleetLogins {
  /** VMs whose credential was taken away, and that nobody named now. */
  revoked: string[];
  serials: Serials;
  /** Those that were named and are let in again. */
  readmit: string[];
}

export async function openLogins({ spec, verb, vms }: FleetInput): Promise<FleetLogins | undefined> {
  if (!spec.auth) return undefined;
  const { key } = spec.auth;
  const { revoked, serials } = await lookers.readAuth({ spec, key });
  const named = verb === 'deploy' ? vms.map(vmName).filter((vm) => revoked.includes(vm)) : [];
  return { revoked: revoked.filter((vm) => !named.includes(vm)), serials, readmit: named };
}

export const loginsStage = { id: 'logins', title: 'credentials of agents, onto the load balancers' };

/** After the list of VMs is on the nodes, which the load balancers' hashes are made of. @returns which credential each VM has then */
export async function bringLogins(hosts: FleetHosts, { readmit, serials }: FleetLogins): Promise<Serials> {
  const { input, epoch, progress } = hosts;
  const { spec, operation } = input;
  const { key } = spec.auth!;
  return progress.during(loginsStage.id, loginsStage.title, async (stage) => {
    const summary = `${readmit.length} VMs are let in again`;
    const plan = (again: boolean) =>
      lookers.planAuth.executeWithOptions({ summary }, [{ spec, key, operation, readmit, again, nowMs: Date.now() }]);
    const brought = readmit.length > 0 ? await bringRecord(spec, plan) : undefined;
    await onBalancers(hosts, stage, (host) =>
      effects.ensureCredentials.executeWithOptions({ summary: `${host}: credentials of agents` }, [
        { spec, host, key, epoch, realm: 'agents' },
      ]),
    );
    return { ...serials, ...brought?.planned.serials };
  });
}
