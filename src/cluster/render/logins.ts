import { createHash } from 'node:crypto';
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
  /** In a location of `/install`. */
  install: string;
  /** Name under which a VM's own word is kept. */
  spool: string;
}

/** A wrong login is answered after its turn: so many a second for each address, whatever it does side by side. */
const wrongPerSecond = 2;
/** More wrong ones at once than this are refused before they are looked at again. */
const mostWaiting = 200;

export const credentialFolder = `${mountedConfigFolder}/auth`;

export function loginsOf({ auth }: ClusterSpec): Logins {
  if (!auth) return { maps: [], proxy: [], tracker: [], open: '', install: '', spool: '$remote_addr' };
  return {
    maps: [filesByRequest, enrolment, attempts],
    proxy: [asking('$credentials_for_images'), refused],
    tracker: [asking('agents'), refused],
    open: '\n  auth_basic off;',
    install: installLogin,
    spool: '$enrolled_as',
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

/** In each location of `/install`: whoever shows a token, until its time is over, and VMs that have a credential. */
export const installLogin = `
  auth_basic_user_file ${credentialFolder}/$credentials_for_install;
  if ($secure_link = 0) { return 401; }`;

/** Any text does: of a secure link its end in time is all that is wanted. */
const always = 'krakenctl';
const sumOfAlways = createHash('md5').update(always).digest('base64url');

const enrolment = `# Tokens say themselves until when they hold; what a VM leaves says which one it came with.
map $remote_user $credentials_for_install {
  ~^enrol- enrol;
  default agents;
}
map $remote_user $token_holds_until {
  ~^enrol-t[0-9a-f]+-(?<until>[0-9]+)$ $until;
  default '';
}
map $remote_user $enrolled_as {
  ~^enrol-(?<token>t[0-9a-f]+)- $remote_addr.$token;
  default $remote_addr;
}
secure_link ${sumOfAlways},$token_holds_until;
secure_link_md5 ${always};`;
