import { createHash } from 'node:crypto';
import { throughNamespace } from '../agents/canary-agent';
import { servedFolder } from '../names';
import type { BalancedPorts, BalancerState } from '../plan';
import type { ClusterSpec } from '../spec';
import { languagesOf, stateOf } from '../tls/languages';
import { loginsOf } from './logins';
import { certificatesText } from './nginx-tls';
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

function indent(text: string): string {
  return text.replace(/^(?=.)/gm, '  ');
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

/**
 * An upload lies on the disk of the proxy that began it, so its Location names that proxy, and whoever goes on with it comes back to it
 * whatever the ring is by then. Proxies are told by their addresses; for nodes that have names alone the ring must do.
 */
function uploads({ nodes, ports }: ClusterSpec, state: BalancerState): string {
  const numeric = nodes.filter(({ address }) => /^[0-9.]+$/.test(address));
  const answering = numeric.map(
    ({ id, address }) => `~(?:^|\\s)${address.replaceAll('.', '\\.')}:${portOn(id, 'proxy', { ports, state })}$ ${id};`,
  );
  const going = numeric.map(({ id }) => `${id} proxy_${id};`);
  return `map $upstream_addr $proxy_that_answers {
${indent([...answering, "default '';"].join('\n'))}
}

map $arg__proxy $proxy_of_upload {
${indent([...going, 'default proxies_by_upload;'].join('\n'))}
}

map $uri $upload_goes_to {
  ~/blobs/uploads/.+ $proxy_of_upload;
  default proxies_by_repository;
}`;
}

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

/** Where a part of one node listens now. */
function portOn(
  node: string,
  part: keyof BalancedPorts,
  { ports, state }: { ports: ClusterSpec['ports']; state: BalancerState },
): number {
  return state.earlier?.nodes.includes(node) ? state.earlier.ports[part] : ports[part];
}

function upstreams(spec: ClusterSpec, state: BalancerState): string {
  const byRepository = 'hash $repository consistent';
  const one = (node: string) => portOn(node, 'proxy', { ports: spec.ports, state });
  return [
    upstream(spec, state, { name: 'proxies_by_repository', part: 'proxy', choice: byRepository }),
    upstream(spec, state, { name: 'proxies', part: 'proxy', choice: 'least_conn' }),
    upstream(spec, state, { name: 'trackers', part: 'tracker', choice: 'least_conn' }),
    upstream(spec, state, { name: 'build_indexes', part: 'buildIndex', choice: 'least_conn' }),
    `# Uploads that were begun: nobody is out here.\n${upstream(spec, { ...state, out: [] }, { name: 'proxies_by_upload', part: 'proxy', choice: byRepository })}`,
    ...spec.nodes.map(({ id, address }) => `upstream proxy_${id} {\n  server ${address}:${one(id)} max_fails=0;\n}`),
    ...outNodes(spec, state).map(({ id, address }) => throughUpstream(id, `${address}:${spec.ports.tracker}`)),
  ].join('\n\n');
}

function outNodes({ nodes }: ClusterSpec, { out }: BalancerState): ClusterSpec['nodes'] {
  return nodes.filter(({ id }) => out.includes(id));
}

/** A node that is out is tried through an agent when its parts are new, and so where they listen from now on. */
function throughUpstream(node: string, tracker: string): string {
  return `# For its canary alone.\nupstream tracker_${node} {\n  server ${tracker} max_fails=0;\n}`;
}

interface Upstream {
  name: string;
  part: keyof BalancedPorts;
  choice: string;
}

function upstream(spec: ClusterSpec, state: BalancerState, { name, part, choice }: Upstream): string {
  const { maxFails, failTimeoutSeconds, upstreamKeepalive } = spec.nginx;
  const failing = `max_fails=${maxFails} fail_timeout=${failTimeoutSeconds}s`;
  const server = ({ id, address }: { id: string; address: string }) => {
    const down = state.out.includes(id) ? ' down' : '';
    return `server ${address}:${portOn(id, part, { ports: spec.ports, state })} ${failing}${down};`;
  };
  const lines = [
    // Shared, so that all workers know what one of them has found dead.
    `zone ${name} 256k;`,
    `${choice};`,
    ...spec.nodes.map(server),
    ...(upstreamKeepalive > 0 ? [`keepalive ${upstreamKeepalive};`] : []),
  ];
  return `upstream ${name} {\n${indent(lines.join('\n'))}\n}`;
}

/** A location that passes requests on, counted against the client that sends them. */
function passing({ nginx }: ClusterSpec, match: string, lines: string[]): string {
  const limit = nginx.connectionsPerClient > 0 ? [`limit_conn clients ${nginx.connectionsPerClient};`] : [];
  return `location ${match} {\n${indent([...limit, ...lines].join('\n'))}\n}`;
}

/** Of this NGINX alone, and never counted against a client: who asks whether the LB lives must get an answer. */
const ownHealth = (spec: ClusterSpec) => `location = /health {${loginsOf(spec).open}
  access_log off;
  default_type text/plain;
  return 200 "OK\\n";
}`;

/** The parts behind are asked in TLS from the moment at which they ask each other so. */
function toParts(spec: ClusterSpec, text: string): string {
  return stateOf(spec) && languagesOf(spec).asks === 'tls'
    ? text
        .replaceAll('proxy_pass http://', 'proxy_pass https://')
        .replaceAll('proxy_pass https://unix:', 'proxy_pass http://unix:')
    : text;
}

/** Where both languages are taken, who comes without TLS (error 497) is answered by the same server once more, behind a socket. */
function servers({ spec, port }: { spec: ClusterSpec; port: number }, locations: string[]): string[] {
  const server = (lines: string[]) => `server {\n${indent([...lines, ...locations].join('\n\n'))}\n}`;
  if (!stateOf(spec)) return [server([`listen ${port};`])];
  if (languagesOf(spec).serves === 'tls') return [server([`listen ${port} ssl;`])];
  const socket = `unix:/tmp/plain-${port}.sock`;
  const plain = `error_page 497 = @plain;
location @plain {
  proxy_set_header Host $http_host;
  proxy_set_header Connection '';
  proxy_set_header X-Real-IP $remote_addr;
  proxy_set_header Authorization $http_authorization;
  proxy_redirect off;
  proxy_pass http://${socket};
}`;
  return [server([`listen ${port} ssl;`, plain]), server([`listen ${socket};`])];
}

function proxyServers(spec: ClusterSpec): string[] {
  const logins = loginsOf(spec);
  return servers({ spec, port: spec.ports.lbProxy }, [
    ...logins.proxy,
    ownHealth(spec),
    `# Through to a proxy: says whether a pull could be served.
location = /readiness {${logins.open}
  access_log off;
  proxy_pass http://proxies/health;
}`,
    `# The sum of this very text, for krakenctl. No allow/deny here: return is done before they are asked.
location = /.krakenctl/config {${logins.open}
  access_log off;
  default_type text/plain;
  if ($is_this_host = 0) { return 404; }
  return 200 "\\n";
}`,
    `location = /.krakenctl/status {${logins.open}
  access_log off;
  stub_status;
  allow 127.0.0.0/8;
  deny all;
}`,
    installing(spec),
    passing(spec, '~ ^/v2/.+/blobs/uploads/', [
      '# A Location with a query, without one, and any other. By name: the map ends what $1 and $2 stand for.',
      'proxy_redirect ~^(?:https?://[^/]+)?(?<upload>/v2/.+/blobs/uploads/[^?]+)[?](?<said>.*)$ $upload?$said&_proxy=$proxy_that_answers;',
      'proxy_redirect ~^(?:https?://[^/]+)?(?<upload>/v2/.+/blobs/uploads/[^?]+)$ $upload?_proxy=$proxy_that_answers;',
      'proxy_redirect ~^https?://[^/]+(/.*)$ $1;',
      'proxy_pass http://$upload_goes_to;',
    ]),
    passing(spec, '~ ^/v2/.+/(?:blobs|manifests)/', ['proxy_pass http://proxies_by_repository;']),
    passing(spec, '/', ['proxy_pass http://proxies;']),
  ]);
}

/** Largest text that a VM may leave, and requests of one address for it. */
const enrolBytes = '4k';

/**
 * What a VM installs its agent from, and where it leaves its name: one file for each address, written over by the next. NGINX makes the
 * spool at its start and gives it to its workers.
 */
function installing(spec: ClusterSpec): string {
  const { nginx } = spec;
  const { install, spool } = loginsOf(spec);
  const limit = nginx.connectionsPerClient > 0 ? `\n  limit_conn clients ${nginx.connectionsPerClient};` : '';
  return `location = /install {${install}
  default_type text/plain;
  alias ${servedFolder}/install/install;
}

location ^~ /install/ {${install}${limit}
  default_type application/octet-stream;
  alias ${servedFolder}/install/;
}

# By which address a VM is known here, and which of them shall leave.
location = /install/whoami {
  default_type text/plain;
  return 200 "$remote_addr\\n";
}

location = /install/dismissed {${install}
  default_type text/plain;
  alias ${servedFolder}/dismissed;
}

location = /install/enrol {${install}
  client_max_body_size ${enrolBytes};
  client_body_temp_path ${servedFolder}/spool;
  dav_methods PUT;
  dav_access user:rw group:r all:r;
  alias ${servedFolder}/spool/${spool};
  limit_except PUT { deny all; }
}`;
}

/** Agents announce, and otherwise only read: build-indexes take tags by PUT from whoever reaches them. GET stands for HEAD too. */
const readOnly = 'limit_except GET { deny all; }';

/** An announce is answered at once or not at all, so a tracker that hangs is left early. */
const announceSeconds = 10;

function trackerServers(spec: ClusterSpec, state: BalancerState): string[] {
  const logins = loginsOf(spec);
  return servers({ spec, port: spec.ports.lbTracker }, [
    ...logins.tracker,
    ownHealth(spec),
    `# Through to a tracker, which asks an origin. Named here: otherwise the request line would go through as it came, and nobody is asked for a login.
location = /readiness {${logins.open}
  access_log off;
  proxy_pass http://trackers/readiness;
}`,
    passing(spec, '^~ /announce', [
      `proxy_read_timeout ${Math.min(spec.nginx.readTimeoutSeconds, announceSeconds)}s;`,
      '# Announced twice is announced once (a set in Redis), so here a POST may be repeated.',
      'proxy_next_upstream error timeout http_502 non_idempotent;',
      'proxy_pass http://trackers;',
    ]),
    ...outNodes(spec, state).map(({ id }) =>
      passing(spec, `^~ /namespace/${throughNamespace(id)}/`, [readOnly, `proxy_pass http://tracker_${id};`]),
    ),
    passing(spec, '~ ^/(?:tags|repositories|list)/', [readOnly, 'proxy_pass http://build_indexes;']),
    passing(spec, '/', [readOnly, 'proxy_pass http://trackers;']),
  ]);
}
