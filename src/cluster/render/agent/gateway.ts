import { agentContainer, agentFolder, gatewayContainer, gatewayUnit, loginFile, loginFolder } from '../../agents/names';
import { labels, mountedConfigFolder } from '../../names';
import type { ClusterSpec } from '../../spec';
import { languagesOf } from '../../tls/languages';
import { serverName } from '../../tls/material';
import { notice } from '../notice';
import { balancerAddresses } from './balancer-addresses';

/**
 * Where logins or TLS are needed, a VM reaches the load balancers through an NGINX of its own, which adds the VM's credential and speaks TLS: neither
 * Kraken's agent nor Docker knows of either. It is the NGINX of the agent's image, and listens on loopback alone.
 */

/** VMs speak TLS from the stage on at which the parts do, when every load balancer understands it. */
export function speaksTls(spec: Pick<ClusterSpec, 'tls'>): boolean {
  return languagesOf(spec).asks === 'tls';
}

export function hasGateway(spec: Pick<ClusterSpec, 'auth' | 'tls'>): boolean {
  return spec.auth !== undefined || speaksTls(spec);
}

/** Certificates of those whom a VM believes, in the folder that is mounted. */
export const trustedFile = 'ca.crt';

/** Where the folder with the credential is, inside. */
const mountedLogin = '/etc/krakenctl-login';

export interface Way {
  /** On the VM's loopback. */
  listen: string;
  /** Of a load balancer. */
  to: string;
}

/** Images, in the order of the load balancers, then announces and tags. */
export function gatewayWays(spec: ClusterSpec): { images: Way[]; agents: Way[] } {
  const { relay } = spec.agents.ports;
  const count = spec.loadBalancers.length;
  const ways = (port: number, first: number) =>
    balancerAddresses(spec, port).map((to, i) => ({ listen: `127.0.0.1:${first + i}`, to }));
  return { images: ways(spec.ports.lbProxy, relay), agents: ways(spec.ports.lbTracker, relay + count) };
}

/** On the VM's loopback, whether relays or a gateway lead to the load balancers. */
export function wayPorts(spec: ClusterSpec): number[] {
  const count = spec.loadBalancers.length * (hasGateway(spec) ? 2 : 1);
  return Array.from({ length: count }, (_, i) => spec.agents.ports.relay + i);
}

/** What an agent has for its trackers and build-indexes. */
export function trackerAddresses(spec: ClusterSpec): string[] {
  if (!hasGateway(spec)) return balancerAddresses(spec, spec.ports.lbTracker);
  return gatewayWays(spec).agents.map(({ listen }) => listen);
}

/** Where a VM with an agent asks for what a load balancer serves. */
export function imageAddresses(spec: ClusterSpec): string[] {
  if (!hasGateway(spec)) return balancerAddresses(spec, spec.ports.lbProxy);
  return gatewayWays(spec).images.map(({ listen }) => listen);
}

/** Longer than Kraken itself waits for a byte. */
const silenceSeconds = 660;

const towardsBalancers = `  proxy_ssl_trusted_certificate ${mountedConfigFolder}/${trustedFile};
  proxy_ssl_verify on;
  proxy_ssl_verify_depth 3;
  proxy_ssl_name ${serverName};
  proxy_ssl_server_name on;
  proxy_ssl_protocols TLSv1.2 TLSv1.3;
`;

const withLogin = `  # proxy_set_header Authorization, for this VM alone.
  include ${mountedLogin}/${loginFile};
`;

/** The same on each VM. A load balancer that is not believed is one that is away. */
export function gatewayText(spec: ClusterSpec): string {
  const { images, agents } = gatewayWays(spec);
  const scheme = speaksTls(spec) ? 'https' : 'http';
  const upstream = (name: string, ways: Way[]) => (way: Way, i: number) =>
    `
  upstream ${name}_${i + 1} {
    server ${way.to} max_fails=1 fail_timeout=10s;${ways
      .filter((other) => other !== way)
      .map(({ to }) => `\n    server ${to} backup;`)
      .join('')}
  }
  server {
    listen ${way.listen};
    location / {
      proxy_pass ${scheme}://${name}_${i + 1};
    }
  }`;
  return `${notice}
user nobody nogroup;
worker_processes 1;
pid /tmp/nginx.pid;
error_log /dev/stderr warn;

events {
  worker_connections 2048;
}

http {
  access_log off;
  server_tokens off;
  client_body_temp_path /tmp/client_body;
  proxy_temp_path /tmp/proxy;
  fastcgi_temp_path /tmp/fastcgi;
  uwsgi_temp_path /tmp/uwsgi;
  scgi_temp_path /tmp/scgi;

  client_max_body_size 0;
  proxy_request_buffering off;
  proxy_max_temp_file_size 0;
  proxy_http_version 1.1;
  # One that is away is another's to answer for: Kraken takes a 502 for an answer, and goes nowhere else.
  proxy_connect_timeout 2s;
  proxy_next_upstream error timeout http_502 http_503;
  proxy_read_timeout ${silenceSeconds}s;
  proxy_set_header Connection '';
  proxy_set_header Host $http_host;
${speaksTls(spec) ? towardsBalancers : ''}${spec.auth ? withLogin : ''}${[...images.map(upstream('images', images)), ...agents.map(upstream('agents', agents))].join('\n')}
}
`;
}

/** The one line that is a VM's own. */
export function loginText(authorization: string): string {
  return `proxy_set_header Authorization "${authorization}";\n`;
}

/** A proxy of a few connections. */
const memory = '128m';
/** It starts as root, and its workers are nobody. */
const capabilities = ['CHOWN', 'SETGID', 'SETUID'];

export function gatewayProgram({ name, logs, auth }: ClusterSpec, image: { runnable: string }): string {
  const folders = ['/tmp', '/run', '/var/lib/nginx', '/var/log/nginx'];
  return `#!/bin/sh
${notice}
set -eu
here=$(dirname "$(readlink -f "$0")")
name=${gatewayContainer(name)}
${auth ? `[ -s ${loginFolder(name)}/${loginFile} ] || { echo "this VM has no credential: krakenctl agent deploy gives it one" >&2; exit 1; }\n` : ''}
for id in $(docker ps -aq --no-trunc --filter "name=^/$name\\$" --filter label=${labels.cluster}=${name}); do
  docker rm -f -v "$id" > /dev/null
done
image=${image.runnable}
if [ -r "$here/image.id" ] && ! docker image inspect "$image" > /dev/null 2>&1; then image=$(cat "$here/image.id"); fi

exec docker run --rm --pull never --name "$name" \\
  --label ${labels.cluster}=${name} --label ${labels.part}=agent --label "${labels.fingerprint}=$(basename "$here")" \\
  --network host --memory ${memory} --memory-swap ${memory} --pids-limit 64 \\
  --cap-drop ALL ${capabilities.map((c) => `--cap-add ${c}`).join(' ')} --security-opt no-new-privileges --read-only \\
  ${folders.map((folder) => `--tmpfs ${folder}`).join(' ')} \\
  --log-driver json-file --log-opt max-size=${logs.maxSizeBytes} --log-opt max-file=${logs.maxFiles} \\
  -v "$here/gateway:${mountedConfigFolder}:ro"${auth ? ` -v ${loginFolder(name)}:${mountedLogin}:ro` : ''} \\
  "$image" nginx -c ${mountedConfigFolder}/nginx.conf -g 'daemon off;'
`;
}

export function gatewayService(spec: ClusterSpec): string {
  const { name } = spec;
  const told = [...(speaksTls(spec) ? ['in TLS'] : []), ...(spec.auth ? ['with the credential of this VM'] : [])].join(
    ' and ',
  );
  return `${notice}
[Unit]
Description=Ways of the Kraken agent to the load balancers of cluster ${name}, ${told}
Wants=docker.service network-online.target
After=docker.service network-online.target
StartLimitIntervalSec=0

[Service]
ExecStart=${agentFolder(name)}/gateway-run
ExecStop=-/usr/bin/env docker stop -t 5 ${gatewayContainer(name)}
Restart=always
RestartSec=2
TimeoutStopSec=15
KillMode=mixed
SuccessExitStatus=137 143

[Install]
WantedBy=multi-user.target
`;
}

/** Of a release: before the agent is started, it has its ways. */
export function gatewayActivation({ name, agents }: ClusterSpec): string {
  return `
if ! systemctl is-active --quiet ${gatewayUnit} || ! is_of_this ${gatewayContainer(name)}; then
  systemctl restart ${gatewayUnit}
  changed=yes
  comes_up ${gatewayContainer(name)} ${agents.ports.relay} 50 || { echo "the ways of ${agentContainer(name)} to the load balancers do not run: journalctl -u ${gatewayUnit}" >&2; exit 69; }
fi
`;
}
