import { createHash } from 'node:crypto';
import type { BalancerState } from '../plan';
import type { ClusterSpec } from '../spec';
import { indent } from './indent';
import { loginsOf } from './logins';
import { proxyServers, toParts, trackerServers } from './nginx-servers';
import { certificatesText } from './nginx-tls';
import { uploads, upstreams } from './nginx-upstreams';
import { notice } from './notice';

/**
 * The load balancer. A push is several requests tied to one proxy's disk, so what belongs to one repository goes to one proxy;
 * every LB computes the same choice from the same list. Agents see trackers and build-indexes behind one port.
 *
 * @param state what it says for a while; nodes that are out get no new requests, and uploads that lie on them are gone on with there
 */
export function nginxText(spec: ClusterSpec, state: BalancerState = { out: [] }): string {
  const text = [notice, processes(spec), `http {\n${indent(http(spec, state))}\n}\n`].join('\n');
  const { out } = state;
  const said = out.length > 0 ? ` out=${out.join(',')}` : '';
  return text.replace(sumLine, `return 200 "${nginxConfigSum(text)}${said}\\n";`);
}

const sumLine = /return 200 "[0-9a-f]*(?: out=[^"]*)?\\n";/;

/**
 * SHA-256 of a configuration, the line that says the sum itself left out: the running NGINX answers it at
 * `/.krakenctl/config`, which tells what it has loaded, not what lies on the disk.
 */
export function nginxConfigSum(text: string): string {
  return createHash('sha256').update(text.replace(sumLine, '')).digest('hex');
}

/** What the running NGINX says of itself: the sum of what it loaded, and the nodes that are taken out in it. */
export function readRunningConfig(answer: string): { runningConfig?: string; out?: string[] } {
  const [, runningConfig, out] = /^([0-9a-f]{64})(?: out=(\S+))?$/.exec(answer.trim()) ?? [];
  return { ...(runningConfig && { runningConfig }), ...(out && { out: out.split(',') }) };
}

/** All cores of a large machine would each take memory under the same limit. */
const usualWorkers = 4;

function processes({ nginx, limits }: ClusterSpec): string {
  const workers = limits.nginx.cpus > 0 ? Math.ceil(limits.nginx.cpus) : usualWorkers;
  return `
# These names exist in every distribution's image.
user nobody nogroup;
worker_processes ${workers};
worker_rlimit_nofile ${nginx.workerConnections * 2};
pid /tmp/nginx.pid;
error_log /dev/stderr warn;

events {
  worker_connections ${nginx.workerConnections};
}
`;
}

function http(spec: ClusterSpec, state: BalancerState): string {
  const routes = [routing, ...loginsOf(spec).maps, uploads(spec, state), upstreams(spec, state)];
  const parts = [basics(spec), ...certificatesText(spec), logs, temporary, ...routes];
  return toParts(spec, [...parts, ...proxyServers(spec), ...trackerServers(spec, state)].join('\n\n'));
}

const logs = `# Announces come every few seconds from every peer, looks of VMs that installed themselves every five minutes: only those that fail are logged.
map $uri:$status $is_logged {
  ~^/announce.*:[123] 0;
  ~^/install(?:/(?:epoch|turns|wave|sums|desired|whoami|dismissed|enrol))?:[123] 0;
  default 1;
}
log_format short '$remote_addr [$time_iso8601] "$request" $status $body_bytes_sent $request_time $upstream_addr $upstream_status';
access_log /dev/stdout short if=$is_logged;`;

const temporary = `client_body_temp_path /tmp/client_body;
proxy_temp_path /tmp/proxy;
fastcgi_temp_path /tmp/fastcgi;
uwsgi_temp_path /tmp/uwsgi;
scgi_temp_path /tmp/scgi;`;

/** A repository's name may itself contain /blobs/: the longest name counts, as in the registry's own router. */
const routing = `map $uri $repository {
  ~^/v2/(?<name>.+)/(?:blobs|manifests)/ $name;
  default '';
}

geo $is_this_host {
  127.0.0.0/8 1;
  default 0;
}

# An empty key is not counted: the node's own requests are never refused.
map $is_this_host $limited_client {
  1 '';
  default $binary_remote_addr;
}`;

function basics({ nginx, nodes }: ClusterSpec): string {
  const retryWithin = Math.max(10, nginx.connectTimeoutSeconds * nodes.length);
  return `default_type application/octet-stream;
server_tokens off;
sendfile on;
tcp_nopush on;
keepalive_timeout ${nginx.keepaliveTimeoutSeconds}s;
absolute_redirect off;

# Layers have no limit here and go through as they come.
client_max_body_size 0;
client_body_timeout ${nginx.readTimeoutSeconds}s;
send_timeout ${nginx.sendTimeoutSeconds}s;
proxy_request_buffering off;
proxy_max_temp_file_size 0;

proxy_http_version 1.1;
proxy_set_header Connection '';
proxy_set_header Host $http_host;
proxy_set_header X-Real-IP $remote_addr;
proxy_set_header X-Forwarded-For $remote_addr;
proxy_set_header X-Forwarded-Proto $scheme;
# Kraken knows no logins; nothing behind this line needs to see one.
proxy_set_header Authorization '';
# The parts name their inner ports, which clients cannot reach.
proxy_redirect ~^https?://[^/]+(/.*)$ $1;

proxy_connect_timeout ${nginx.connectTimeoutSeconds}s;
proxy_read_timeout ${nginx.readTimeoutSeconds}s;
proxy_send_timeout ${nginx.sendTimeoutSeconds}s;
# A request that was not sent yet goes to the next part, whatever its method. A POST or PATCH that was sent may have been done:
# it is not repeated (no non_idempotent). 502 is what a part's inner NGINX says while the part behind it is down.
proxy_next_upstream error timeout http_502;
proxy_next_upstream_timeout ${retryWithin}s;

limit_conn_zone $limited_client zone=clients:10m;
limit_conn_status 429;`;
}
