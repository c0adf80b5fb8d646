import type { FleetInput, Serials } from '../contracts/agents';
import type { PlannedAuth } from '../contracts/auth';
import { effects, lookers } from './activities';
import { type FleetHosts, onBalancers, onNodes } from './fleet-hosts';

/** The host part of `user@host:port`; workflow code knows the core as types alone. */
function vmName(vm: string): string {
  return vm.slice(vm.indexOf('@') + 1, vm.lastIndexOf(':'));
}

/** Credentials of VMs, where logins are needed: the load balancers know them before a VM comes with one. */

export interface FleetLogins {
  /** VMs whose credential was taken away, and that nobody named now. */
  revoked: string[];
  serials: Serials;
  /** The record in which those that were named are let in again. */
  readmitted?: PlannedAuth;
}

export async function openLogins({ spec, operation, verb, vms }: FleetInput): Promise<FleetLogins | undefined> {
  if (!spec.auth) return undefined;
  const { key } = spec.auth;
  const { revoked, serials } = await lookers.readAuth({ spec, key });
  const named = verb === 'deploy' ? vms.map(vmName).filter((vm) => revoked.includes(vm)) : [];
  if (named.length === 0) return { revoked, serials };
  const summary = `${named.length} VMs are let in again`;
  const readmitted = await lookers.planAuth.executeWithOptions({ summary }, [
    { spec, key, operation, readmit: named, nowMs: Date.now() },
  ]);
  const next = { ...serials, ...readmitted.serials };
  return { revoked: revoked.filter((vm) => !named.includes(vm)), serials: next, readmitted };
}

export const loginsStage = { id: 'logins', title: 'credentials of agents, onto the load balancers' };

/** After the list of VMs is on the nodes, which the load balancers' hashes are made of. */
export async function bringLogins(hosts: FleetHosts, { readmitted }: FleetLogins): Promise<void> {
  const { input, epoch, progress } = hosts;
  const { spec } = input;
  const { key } = spec.auth!;
  await progress.during(loginsStage.id, loginsStage.title, async (stage) => {
    const { record, epoch: authEpoch } = readmitted ?? {};
    if (record) {
      await onNodes(hosts, (host) =>
        effects.writeAuth.executeWithOptions({ summary: `${host}: who may come in` }, [
          { spec, host, epoch: authEpoch!, record },
        ]),
      );
    }
    await onBalancers(hosts, stage, (host) =>
      effects.ensureCredentials.executeWithOptions({ summary: `${host}: credentials of agents` }, [
        { spec, host, key, epoch, realm: 'agents' },
      ]),
    );
  });
}
