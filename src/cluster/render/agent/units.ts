import { agentBase, agentContainer, agentFolder, agentLog, agentUnit, gatewayUnit } from '../../agents/names';
import type { ClusterSpec } from '../../spec';
import { notice } from '../notice';
import { balancerAddresses } from './balancer-addresses';
import { gatewayService, hasGateway } from './gateway';

/** Units of systemd on a VM, by name. `X-` lines are left alone by systemd and tell us whose it is. */
export function agentUnits(spec: ClusterSpec, owner: string): Record<string, string> {
  return {
    [agentUnit]: agentService(spec, owner),
    'kraken-agent-log.service': logService(spec),
    'kraken-agent-log.timer': logTimer,
    [`${updateUnit}.service`]: updateService(spec),
    [`${updateUnit}.timer`]: updateTimer,
    ...(hasGateway(spec) ? { [gatewayUnit]: gatewayService(spec) } : relayUnits(spec)),
  };
}

function agentService({ name }: ClusterSpec, owner: string): string {
  return `${notice}
[Unit]
Description=Kraken agent of cluster ${name}
Documentation=file://${agentFolder(name)}/README
X-Krakenctl-Cluster=${name}
X-Krakenctl-Owner=${owner}
# Wanted, not required: a stopped Engine ends the agent by itself, and the agent comes back with it.
Wants=docker.service network-online.target
After=docker.service network-online.target
StartLimitIntervalSec=0

[Service]
EnvironmentFile=-/etc/kraken/${name}/agent.env
ExecStart=${agentFolder(name)}/run
ExecStop=-/usr/bin/env docker stop -t 10 ${agentContainer(name)}
Restart=always
RestartSec=2
TimeoutStopSec=20
KillMode=mixed
# What an agent ends with when it is told to.
SuccessExitStatus=137 143
StandardOutput=append:${agentLog}
StandardError=append:${agentLog}

[Install]
WantedBy=multi-user.target
`;
}

function logService({ name }: ClusterSpec): string {
  return `${notice}
[Unit]
Description=Rotates ${agentLog} when it is full

[Service]
Type=oneshot
ExecStart=${agentFolder(name)}/rotate-log
`;
}

/** On VMs that installed themselves: they look for what is served, since nobody logs in to tell them. */
export const updateUnit = 'kraken-agent-update';

function updateService({ name }: ClusterSpec): string {
  return `${notice}
[Unit]
Description=Brings the Kraken agent to what the load balancers of cluster ${name} serve
Wants=network-online.target
After=network-online.target docker.service

[Service]
Type=oneshot
ExecStart=${agentFolder(name)}/update
`;
}

const updateTimer = `${notice}
[Unit]
Description=Looks every five minutes whether another agent is served

[Timer]
OnBootSec=2min
OnUnitActiveSec=5min
RandomizedDelaySec=60

[Install]
WantedBy=timers.target
`;

const logTimer = `${notice}
[Unit]
Description=Looks at ${agentLog} every five minutes

[Timer]
OnBootSec=1min
OnUnitActiveSec=5min
AccuracySec=30s

[Install]
WantedBy=timers.target
`;

/** Addresses on the VM's loopback, in the order of the load balancers: Docker speaks plain HTTP to no other. */
export function relayAddresses(spec: ClusterSpec): string[] {
  return balancerAddresses(spec, spec.ports.lbProxy).map((_, i) => `127.0.0.1:${spec.agents.ports.relay + i}`);
}

export function relayName(index: number): string {
  return `kraken-relay-${index + 1}`;
}

function relayUnits(spec: ClusterSpec): Record<string, string> {
  const relays = relayAddresses(spec);
  const units = balancerAddresses(spec, spec.ports.lbProxy).flatMap((balancer, i) => [
    [`${relayName(i)}.socket`, relaySocket(balancer, relays[i]!)],
    [`${relayName(i)}.service`, relayService(balancer)],
  ]);
  return Object.fromEntries(units);
}

function relaySocket(balancer: string, relay: string): string {
  return `${notice}
[Unit]
Description=Relay to the load balancer ${balancer}, for kraken-pull when the agent is away

[Socket]
ListenStream=${relay}

[Install]
WantedBy=sockets.target
`;
}

function relayService(balancer: string): string {
  return `${notice}
[Unit]
Description=Relay to the load balancer ${balancer}

[Service]
ExecStart=/bin/sh -c 'for p in /usr/lib/systemd /lib/systemd; do [ ! -x "$p/systemd-socket-proxyd" ] || exec "$p/systemd-socket-proxyd" ${balancer}; done; exit 1'
DynamicUser=yes
ProtectSystem=strict
`;
}

/** For whoever looks at the VM. */
export function agentReadme({ name }: ClusterSpec): string {
  return `This VM carries a Kraken agent of cluster ${name}, put here by krakenctl.

  systemctl status kraken-agent       does it run
  systemctl restart kraken-agent      again
  tail -f ${agentLog}
  kraken-pull IMAGE                   pull through it
  ${agentFolder(name)}/deactivate     take it away

${agentFolder(name)} is a link to the release that runs; all releases lie in ${agentBase(name)}/releases.
`;
}
