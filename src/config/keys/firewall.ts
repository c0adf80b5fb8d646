import { defineKey, type KeyDefinition } from '../key';
import { networks } from '../values/networks';

/** Sources beside the nodes and the VMs, for `krakenctl firewall`; without an apply there nothing is filtered. */

function defineSources(why: string, absent: string, example: string): KeyDefinition<string[]> {
  const range = 'IPv4 and IPv6 addresses or networks with commas between them';
  return defineKey({ section: 'firewall', why, absent, example, range, schema: networks, status: 'built' });
}

export const firewallKeys = {
  FIREWALL_CLIENTS: defineSources(
    'Who may reach the load balancers beside nodes and VMs.',
    'anyone',
    '10.0.0.0/8,2001:db8::/32',
  ),
  FIREWALL_PEERS: defineSources(
    'Who counts as a VM without being one that krakenctl logs in to: VMs that installed themselves.',
    'none, VMs of agent deploy alone',
    '10.0.3.0/24',
  ),
  FIREWALL_SSH: defineSources(
    'Who may reach sshd on nodes and VMs; the machine of the worker must be among them.',
    'sshd is not filtered',
    '10.0.0.5,10.0.9.0/24',
  ),
};
