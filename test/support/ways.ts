import { onHost } from './observer';

/** Who reaches which port of whom, tried by bash on the hosts themselves; imports nothing of src. */

/** `silent`: no answer within 3 s, as where a packet is dropped. `refused`: nothing listens there, and nothing is dropped either. */
export type Way = 'open' | 'refused' | 'silent';

export interface Target {
  address: string;
  port: number;
}

/** stdin: address and port, a line each. */
const program = `xargs -P 24 -L 1 sh -c 'timeout 3 bash -c "exec 3<>/dev/tcp/$0/$1" 2> /dev/null; echo "$0 $1 $?"'`;
const ways: Record<string, Way> = { 0: 'open', 1: 'refused', 124: 'silent' };

export const wayTo = ({ address, port }: Target) => `${address} ${port}`;

/** By `address port`; from the host, or from a container on the bridge of its engine. */
export async function tryWays(host: string, targets: Target[], image?: string): Promise<Record<string, Way>> {
  const input = targets.map((target) => `${wayTo(target)}\n`).join('');
  const within = image === undefined ? [] : ['docker', 'run', '--rm', '-i', '--network', 'bridge', image];
  const text = await onHost(host, [...within, 'bash', '-c', program], input);
  return Object.fromEntries(
    text
      .split('\n')
      .filter(Boolean)
      .map((line) => {
        const [address, port, code] = line.split(' ');
        return [`${address} ${port}`, ways[code!] ?? (`code ${code}` as Way)];
      }),
  );
}

/** An IPv6 address of its own on the lab's network, which has none: `fd00:77::N`. */
export async function giveIpv6(host: string, number: number): Promise<string> {
  const address = `fd00:77::${number}`;
  const lines = [
    // What a host sends to itself goes by lo, whatever the address.
    'for d in lo eth0; do echo 0 > /proc/sys/net/ipv6/conf/$d/disable_ipv6; done',
    `ip -6 addr show dev eth0 | grep -q ' ${address}/' || ip -6 addr add ${address}/64 dev eth0 nodad`,
  ];
  await onHost(host, ['sh', '-c', lines.join('; ')]);
  return address;
}

export async function takeIpv6(host: string): Promise<void> {
  await onHost(host, ['sh', '-c', 'for d in lo eth0; do echo 1 > /proc/sys/net/ipv6/conf/$d/disable_ipv6; done']);
}

/** What nft itself says of a cluster's table, without counters; empty where there is none. */
export function firewallOf(host: string, cluster: string): Promise<string> {
  const table = `krakenctl_${cluster.replaceAll('-', '_')}`;
  return onHost(host, ['sh', '-c', `nft -s list table inet ${table} 2> /dev/null; :`]);
}

/** Everything that a firewall leaves on a host: tables, files, units and timers of ours. */
export async function firewallRemains(host: string): Promise<string[]> {
  const look = [
    'nft list tables | grep krakenctl; ls -d /etc/kraken/*/firewall /etc/systemd/system/krakenctl-* 2> /dev/null',
    "find /etc/systemd/system -name 'krakenctl-*'; systemctl list-units --all --plain --no-legend 'krakenctl-firewall*'; :",
  ];
  return (await onHost(host, ['sh', '-c', look.join('; ')])).split('\n').filter(Boolean);
}
