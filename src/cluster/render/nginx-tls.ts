import type { ClusterSpec } from '../spec';
import { languagesOf, stateOf } from '../tls/languages';
import { serverName } from '../tls/material';
import { mountedTlsFile } from './kraken';

/** What a load balancer shows to clients and to the parts behind it. Which certificates it is that lie there stands here too, so that another one is another text. */
export function certificatesText(spec: ClusterSpec): string[] {
  const state = stateOf(spec);
  if (!state) return [];
  const { series, signer, trusts } = state;
  const { serves, asks } = languagesOf(spec);
  const own = `# Certificates: series ${series.number} of ${signer}, until ${series.until}; believed: ${trusts.join(', ')}.
ssl_certificate ${mountedTlsFile('certificate')};
ssl_certificate_key ${mountedTlsFile('key')};
ssl_protocols TLSv1.2 TLSv1.3;
ssl_session_cache shared:tls:4m;`;
  const sockets = `# Of those who came without TLS, as the server in front has seen them.
set_real_ip_from unix:;
real_ip_header X-Real-IP;`;
  const towards = `proxy_ssl_certificate ${mountedTlsFile('certificate')};
proxy_ssl_certificate_key ${mountedTlsFile('key')};
proxy_ssl_trusted_certificate ${mountedTlsFile('trusted')};
proxy_ssl_verify on;
proxy_ssl_verify_depth 3;
proxy_ssl_name ${serverName};
proxy_ssl_server_name on;
proxy_ssl_protocols TLSv1.2 TLSv1.3;`;
  return [own, ...(serves === 'both' ? [sockets] : []), ...(asks === 'tls' ? [towards] : [])];
}
