import type { ClusterSpec } from '../../spec';
import { serverName } from '../../tls/material';

/**
 * How a machine asks the load balancers in TLS: whoever has fetched this text has believed one of them, and the certificates by which all of them are
 * believed stand in it. They are asked for the name that all of them have, wherever they are. Shell, put into install.ts.
 */
export function withTls(script: string, { ports }: ClusterSpec, trusted: string): string {
  const whole = `https://${serverName}:${ports.lbProxy}/install`;
  return script
    .replaceAll(/curl (-fsS[^\n]*?)"http:\/\/(\$(?:each|balancer))\/install/g, `ask $2 $1"${whole}`)
    .replaceAll('http://LOAD-BALANCER/install', '--cacert ca.crt https://LOAD-BALANCER/install')
    .replaceAll('http://$balancer', 'https://$balancer')
    .replaceAll('curl http://', 'curl --cacert ca.crt https://')
    .replace('say() {', () => `${asking(ports.lbProxy, trusted)}\nsay() {`)
    .replace('  tmp=$(mktemp -d)\n', (line) => `${line}  believe\n`);
}

function asking(port: number, trusted: string): string {
  return `# ask LOAD-BALANCER OPTIONS: nobody but one of the cluster's is believed.
ask() {
  there=$1
  shift
  curl --noproxy ${serverName} --cacert "$tmp/ca.crt" --connect-to "${serverName}:${port}:$there" "$@"
}

believe() {
  cat > "$tmp/ca.crt" <<'END'
${trusted.trimEnd()}
END
}
`;
}
