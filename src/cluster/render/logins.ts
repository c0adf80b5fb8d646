import { mountedConfigFolder } from '../names';
import type { ClusterSpec } from '../spec';

/**
 * How the load balancer asks who comes. NGINX reads a file of hashes at each request, so that a user or a VM that is taken out of it is out at once,
 * without a reload. Empty texts where nobody needs a login.
 */
export interface Logins {
  /** In `http`. */
  maps: string[];
  /** In each server that asks. */
  proxy: string[];
  tracker: string[];
  /** In a location that asks nobody. */
  open: string;
}

/** A wrong login is answered after its turn: so many a second for each address, whatever it does side by side. */
const wrongPerSecond = 2;
/** More wrong ones at once than this are refused before they are looked at again. */
const mostWaiting = 200;

export const credentialFolder = `${mountedConfigFolder}/auth`;

export function loginsOf({ auth }: ClusterSpec): Logins {
  if (!auth) return { maps: [], proxy: [], tracker: [], open: '' };
  return {
    maps: [filesByRequest, attempts],
    proxy: [asking('$credentials_for_images'), refused],
    tracker: [asking('agents'), refused],
    open: '\n  auth_basic off;',
  };
}

/** VMs fall back to a load balancer, and never push. */
const filesByRequest = `# Which file of hashes is asked.
map $request_method:$remote_user $credentials_for_images {
  ~^(?:GET|HEAD):vm- agents;
  ~^(?:GET|HEAD): pull;
  default push;
}`;

/** Clients ask without a login first, which is no attempt. */
const attempts = `map $is_this_host:$http_authorization $attempt_of {
  ~^0:. $binary_remote_addr;
  default '';
}
limit_req_zone $attempt_of zone=wrong_logins:10m rate=${wrongPerSecond}r/s;
limit_req_status 429;`;

function asking(file: string): string {
  return `auth_basic "Kraken";
auth_basic_user_file ${credentialFolder}/${file};
error_page 401 = @wrong_login;`;
}

/** limit_req counts before a file is looked for, and return would answer before that. */
const refused = `location @wrong_login {
  auth_basic off;
  limit_req zone=wrong_logins burst=${mostWaiting};
  try_files /no-such-file @refused;
}

location @refused {
  auth_basic off;
  default_type application/json;
  add_header Docker-Distribution-Api-Version registry/2.0 always;
  return 401 '{"errors":[{"code":"UNAUTHORIZED","message":"a login is needed: docker login"}]}\\n';
}`;

/** What a VM would install from: whoever gets it needs a credential of its own, which this cannot give yet. */
export const installClosed = `location ^~ /install {
  auth_basic off;
  default_type text/plain;
  return 403 "install: this cluster asks for logins (ENABLE_AUTH), and VMs cannot enrol themselves yet; use: krakenctl agent deploy\\n";
}`;
