/** Names and paths of an agent on its VM. */

export function agentContainer(cluster: string): string {
  return `kraken-${cluster}-agent`;
}

/** What runs: a link to one of the releases, so that a change of release is one rename. */
export function agentFolder(cluster: string): string {
  return `/etc/kraken/${cluster}/agent`;
}

/** Releases, the cache of blobs, and what was chosen for this VM. */
export function agentBase(cluster: string): string {
  return `/var/lib/kraken/${cluster}/agent`;
}

/** Adds the VM's credential, where logins are needed. */
export function gatewayContainer(cluster: string): string {
  return `kraken-${cluster}-gateway`;
}

/** Named as the relays whose place it takes, so that every release takes away what is not its own. */
export const gatewayUnit = 'kraken-relay-gateway.service';

/** The VM's credential: no part of a release, which is the same on each VM. */
export function loginFolder(cluster: string): string {
  return `/etc/kraken/${cluster}/agent-login`;
}
export const loginFile = 'login.conf';
/** Beside it: what a VM that enrols itself has shown the sum of, until it is let in. As curl reads it. */
export const pendingFile = 'pending';

export const agentUnit = 'kraken-agent.service';
export const agentLog = '/var/log/kraken/agent.log';
export const pullProgram = '/usr/local/bin/kraken-pull';
export const unitFolder = '/etc/systemd/system';
