import { throughNamespace } from '../agents/canary-agent';
import { servedFolder } from '../names';
import type { BalancerState } from '../plan';
import type { ClusterSpec } from '../spec';
import { languagesOf, stateOf } from '../tls/languages';
import { indent } from './indent';
import { loginsOf } from './logins';
import { outNodes } from './nginx-upstreams';

/** What the load balancer answers on each of its ports. */

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
export function toParts(spec: ClusterSpec, text: string): string {
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

export function proxyServers(spec: ClusterSpec): string[] {
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

export function trackerServers(spec: ClusterSpec, state: BalancerState): string[] {
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
