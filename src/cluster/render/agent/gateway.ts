import { agentContainer, agentFolder, gatewayContainer, gatewayUnit, loginFile, loginFolder } from '../../agents/names';
import { labels, mountedConfigFolder } from '../../names';
import type { ClusterSpec } from '../../spec';
import { notice } from '../notice';
import { balancerAddresses } from './balancer-addresses';

/**
 * Where logins are needed, a VM reaches the load balancers through an NGINX of its own, which adds the VM's credential: neither Kraken's agent nor Docker
 * knows any. It is the NGINX of the agent's image, and listens on loopback alone.
 */

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

/** What an agent has for its trackers and build-indexes. */
export function trackerAddresses(spec: ClusterSpec): string[] {
  if (!spec.auth) return balancerAddresses(spec, spec.ports.lbTracker);
  return gatewayWays(spec).agents.map(({ listen }) => listen);
}

/** Where a VM with an agent asks for what a load balancer serves. */
export function imageAddresses(spec: ClusterSpec): string[] {
  if (!spec.auth) return balancerAddresses(spec, spec.ports.lbProxy);
  return gatewayWays(spec).images.map(({ listen }) => listen);
}

/** Longer than Kraken itself waits for a byte. */
const silenceSeconds = 660;

export function gatewayText(spec: ClusterSpec): string {
  const { images, agents } = gatewayWays(spec);
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
      proxy_pass http://${name}_${i + 1};
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
  # proxy_set_header Authorization, for this VM alone.
  include ${mountedLogin}/${loginFile};
${[...images.map(upstream('images', images)), ...agents.map(upstream('agents', agents))].join('\n')}
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

export function gatewayProgram({ name, logs }: ClusterSpec, image: { runnable: string }): string {
  const folders = ['/tmp', '/run', '/var/lib/nginx', '/var/log/nginx'];
  return `#!/bin/sh
${notice}
set -eu
here=$(dirname "$(readlink -f "$0")")
name=${gatewayContainer(name)}
[ -s ${loginFolder(name)}/${loginFile} ] || { echo "this VM has no credential: krakenctl agent deploy gives it one" >&2; exit 1; }

for id in $(docker ps -aq --no-trunc --filter "name=^/$name\\$" --filter label=${labels.cluster}=${name}); do
  docker rm -f -v "$id" > /dev/null
done
image=${image.runnable}
if ! docker image inspect "$image" > /dev/null 2>&1 && [ -r "$here/image.id" ]; then image=$(cat "$here/image.id"); fi

exec docker run --rm --pull never --name "$name" \\
  --label ${labels.cluster}=${name} --label ${labels.part}=agent --label "${labels.fingerprint}=$(basename "$here")" \\
  --network host --memory ${memory} --memory-swap ${memory} --pids-limit 64 \\
  --cap-drop ALL ${capabilities.map((c) => `--cap-add ${c}`).join(' ')} --security-opt no-new-privileges --read-only \\
  ${folders.map((folder) => `--tmpfs ${folder}`).join(' ')} \\
  --log-driver json-file --log-opt max-size=${logs.maxSizeBytes} --log-opt max-file=${logs.maxFiles} \\
  -v "$here/gateway:${mountedConfigFolder}:ro" -v ${loginFolder(name)}:${mountedLogin}:ro \\
  "$image" nginx -c ${mountedConfigFolder}/nginx.conf -g 'daemon off;'
`;
}

export function gatewayService({ name }: ClusterSpec): string {
  return `${notice}
[Unit]
Description=Ways of the Kraken agent to the load balancers of cluster ${name}, with the credential of this VM
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
export function gatewayActivation({ name }: ClusterSpec): string {
  return `
gateway() { docker inspect --format '{{.State.Running}} {{index .Config.Labels "${labels.fingerprint}"}}' ${gatewayContainer(name)} 2> /dev/null || :; }
systemctl is-enabled --quiet ${gatewayUnit} 2> /dev/null || { systemctl enable --quiet ${gatewayUnit} 2> /dev/null; changed=yes; }
if ! systemctl is-active --quiet ${gatewayUnit} || [ "$(gateway)" != "true $release" ]; then
  systemctl restart ${gatewayUnit}
  changed=yes
fi
for _ in $(seq 1 100); do
  [ "$(gateway)" != "true $release" ] || break
  sleep 0.1
done
[ "$(gateway)" = "true $release" ] || { echo "the ways of ${agentContainer(name)} to the load balancers do not run: journalctl -u ${gatewayUnit}" >&2; exit 69; }
`;
}
