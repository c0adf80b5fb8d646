import { notice } from './notice';

/**
 * Kraken's parts have an nginx before them, whose text Kraken makes from a template: its own, which speaks TLS or does not, or one that is given. This one
 * speaks both on the same port, for as long as a running cluster goes from one to the other: whoever comes without TLS ends in error 497, and that is
 * answered by the part all the same. Variables are those of v0.1.26 and later. What Kraken's own templates keep in a cache is asked for anew meanwhile.
 */
export function bothLanguages(part: 'origin' | 'tracker' | 'build-index' | 'proxy'): string {
  return part === 'proxy' ? proxyTemplate : oneServer;
}

const server = (root: '.' | '$.', port: string, pass: string[]) => `server {
  listen {{${port}}} ssl{{if ${root}listen_backlog}} backlog={{${root}listen_backlog}}{{end}};
  error_page 497 = @plain;

  {{${root}client_verification}}

  client_max_body_size 10G;
  access_log {{${root}access_log_path}};
  error_log {{${root}error_log_path}};
  proxy_read_timeout {{if ${root}proxy_read_timeout}}{{${root}proxy_read_timeout}}{{else}}3m{{end}};

  location / {
    ${pass.join('\n    ')}
  }

  location @plain {
    ${pass.join('\n    ')}
  }
}`;

const oneServer = `${notice}
${server('.', '.port', ['proxy_pass http://{{.server}};'])}
`;

const proxyTemplate = `${notice}
upstream registry {
  server {{.registry_server}};
}

upstream registry-override {
  server {{.registry_override_server}};
}

upstream proxy-server {
  server {{.proxy_server}};
}

map $uri $kraken_answers {
  ~^/(health|readiness)$ proxy-server;
  ~^/proxy proxy-server;
  ~^/v2/_catalog registry-override;
  default registry;
}

map $host $kraken_host {
  localhost localhost;
  127.0.0.1 127.0.0.1;
  default $hostname;
}

{{range .ports}}
${server('$.', '.', ['proxy_pass http://$kraken_answers;', 'proxy_set_header Host $kraken_host:{{.}};'])}
{{end}}
`;
