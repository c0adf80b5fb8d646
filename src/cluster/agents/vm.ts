import type { ClusterSpec, HostSpec } from '../spec';

/** `ops@10.0.2.10:22`, complete: what the record, histories and commands call a VM. */
export type VmAddress = string;

export interface VmTarget {
  address: string;
  user?: string;
  port?: number;
}

/** The nodes' login where none is given. */
export function vmAddress({ nodes }: ClusterSpec, { address, user, port }: VmTarget): VmAddress {
  const { ssh } = nodes[0]!;
  return `${user ?? ssh.user}@${address}:${port ?? ssh.port}`;
}

/** As the record has it, but for what was said of its login now: a VM that is named by its address alone keeps its own. */
export function asKnown({ address, user, port }: VmTarget, known: VmAddress): VmAddress {
  const { ssh } = vmHost(known);
  return `${user ?? ssh.user}@${address}:${port ?? ssh.port}`;
}

/** A VM as a person named it, and complete with the nodes' login. */
export interface AskedVm {
  target: VmTarget;
  vm: VmAddress;
}

export function withKnownLogins(named: AskedVm[], known: VmAddress[]): VmAddress[] {
  const byName = new Map(known.map((vm) => [vmName(vm), vm]));
  return named.map(({ target, vm }) => {
    const was = byName.get(target.address);
    return was === undefined ? vm : asKnown(target, was);
  });
}

/** Host part alone: what a person calls it. */
export function vmName(vm: VmAddress): string {
  return vm.slice(vm.indexOf('@') + 1, vm.lastIndexOf(':'));
}

export function vmHost(vm: VmAddress): HostSpec {
  const at = vm.indexOf('@');
  const colon = vm.lastIndexOf(':');
  const address = vm.slice(at + 1, colon);
  return {
    id: address,
    address,
    ssh: { user: vm.slice(0, at), address, port: Number(vm.slice(colon + 1)) },
  };
}
