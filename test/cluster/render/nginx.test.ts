import fc from 'fast-check';
import { renderFiles } from '../../../src/cluster/render/files';
import { nginxConfigSum, nginxText, readRunningConfig } from '../../../src/cluster/render/nginx';
import { type ClusterSpec, specSchema } from '../../../src/cluster/spec';
import { exampleSpec } from '../../support/cluster';

const spec = exampleSpec();
const text = nginxText(spec);

/** The block that begins with these words, its own braces included. */
function block(start: string, from = text): string {
  const at = from.indexOf(`${start} {`);
  if (at < 0) throw new Error(`no ${start}`);
  let depth = 0;
  for (let i = at; i < from.length; i += 1) {
    if (from[i] === '{') depth += 1;
    if (from[i] === '}' && --depth === 0) return from.slice(at, i + 1);
  }
  throw new Error(`${start} has no end`);
}

const servers = () => text.split(/^ {2}server \{/m).slice(1);

/** Where a request goes. */
function route(server: string, path: string): string {
  return /proxy_pass http:\/\/(\$?\w+)/.exec(location(server, path))?.[1] ?? 'nginx';
}

/** What answers a path, by NGINX's own order: exact, `^~`, first expression, prefix. */
function location(server: string, path: string): string {
  const locations = [...server.matchAll(/location (=|\^~|~)? ?(\S+) \{(.*?)\n {4}\}/gs)].map((m) => m.slice(1));
  const found =
    locations.find(([kind, match]) => kind === '=' && match === path) ??
    locations.find(([kind, match]) => kind === '^~' && path.startsWith(match!)) ??
    locations.find(([kind, match]) => kind === '~' && new RegExp(match!).test(path)) ??
    locations.find(([kind, match]) => kind === undefined && path.startsWith(match!));
  return found![2]!;
}

describe('the load balancer', () => {
  test.each([
    ['/v2/', 'proxies'],
    ['/v2/_catalog', 'proxies'],
    ['/v2/library/nginx/tags/list', 'proxies'],
    ['/v2/library/nginx/manifests/1.27', 'proxies_by_repository'],
    ['/v2/library/nginx/blobs/uploads/', '$upload_goes_to'],
    ['/v2/a/b/c/blobs/uploads/6c10d53-1687', '$upload_goes_to'],
    ['/proxy/v2/registry/prefetch', 'proxies'],
    ['/health', 'nginx'],
    ['/readiness', 'proxies'],
    ['/.krakenctl/config', 'nginx'],
  ])('%s on the proxy port goes to %s', (path, target) => {
    expect(route(servers()[0]!, path)).toBe(target);
  });

  test.each([
    ['/announce:200', false],
    ['/announce:502', true],
    ['/install:200', false],
    ['/install/epoch:200', false],
    ['/install/enrol:201', false],
    ['/install/enrol:403', true],
    ['/install/image.tar:200', true],
    ['/install/epochs:200', true],
    ['/v2/:200', true],
  ])('%s is written into the log: %s', (request, isLogged) => {
    const rules = [...block('map $uri:$status $is_logged').matchAll(/^ +~(\S+) 0;$/gm)].map(([, rule]) => rule!);
    expect(rules).toHaveLength(2);
    expect(!rules.some((rule) => new RegExp(rule).test(request))).toBe(isLogged);
  });

  test.each([
    ['/announce', 'trackers'],
    ['/announce/ad738bea51c90466765131b6cb6003b3b46b12c1', 'trackers'],
    ['/namespace/library%2Fnginx/blobs/sha256:0/metainfo', 'trackers'],
    ['/tags/library%2Fnginx:1.27', 'build_indexes'],
    ['/repositories/library%2Fnginx/tags', 'build_indexes'],
    ['/list/library', 'build_indexes'],
    ['/listing', 'trackers'],
    ['/health', 'nginx'],
    ['/readiness', 'trackers'],
  ])('%s on the tracker port goes to %s', (path, target) => {
    expect(route(servers()[1]!, path)).toBe(target);
  });

  test.each([
    ['/announce/ad738bea51c90466765131b6cb6003b3b46b12c1', false],
    ['/tags/library%2Fnginx:1.27/digest/sha256:0', true],
    ['/repositories/library%2Fnginx/tags', true],
    ['/remotes/tags/library%2Fnginx:1.27', true],
    ['/namespace/library%2Fnginx/blobs/sha256:0/metainfo', true],
    ['/namespace/krakenctl-canary/through-node-2/blobs/sha256:0/metainfo', true],
  ])('%s on the tracker port is for readers alone: %s', (path, isForReaders) => {
    for (const from of [text, nginxText(spec, { out: ['node-2'] })]) {
      const server = from.split(/^ {2}server \{/m)[2]!;
      expect(location(server, path).includes('limit_except GET { deny all; }')).toBe(isForReaders);
    }
  });

  test.each([
    [0, 'http://proxies/health;'],
    [1, 'http://trackers/readiness;'],
  ])('whatever a request line says, /readiness of server %d asks for %s', (server, target) => {
    expect(location(servers()[server]!, '/readiness')).toContain(`proxy_pass ${target}`);
  });

  test.each([
    ['/v2/library/nginx/blobs/uploads/', 'library/nginx'],
    ['/v2/library/nginx/blobs/sha256:0', 'library/nginx'],
    ['/v2/library/nginx/manifests/v1', 'library/nginx'],
    ['/v2/a/blobs/b/manifests/v1', 'a/blobs/b'],
  ])('all requests of one push have one key: %s has %s', (path, repository) => {
    const [, expression] = /~(\^\/v2\S+) \$name;/.exec(text)!;
    expect(new RegExp(expression!).exec(path)!.groups!.name).toBe(repository);
  });

  test('every load balancer chooses alike, since all have the same text', () => {
    const texts = spec.nodes.map((node) => renderFiles(spec, node, 'nginx')['nginx.conf']);
    expect(new Set(texts).size).toBe(1);
  });

  test('a login never gets to Kraken', () => expect(text).toContain("proxy_set_header Authorization '';"));

  test('a Location of an inner port loses host and port', () => {
    const [, expression, to] = /proxy_redirect ~(\S+) (\S+);/.exec(text)!;
    expect('http://node-1:8083/v2/a/blobs/uploads/1?_state=x'.replace(new RegExp(expression!), to!)).toBe(
      '/v2/a/blobs/uploads/1?_state=x',
    );
  });

  test('only an announce may be repeated after it was sent', () => {
    expect(text.match(/proxy_next_upstream .*non_idempotent/g)).toHaveLength(1);
    expect(block('location ^~ /announce')).toContain('non_idempotent');
  });

  test('settings that are off leave no line', () => {
    const off = nginxText(exampleSpec((s) => Object.assign(s.nginx, { upstreamKeepalive: 0 })));
    expect(off).not.toMatch(/^\s*keepalive \d/m);
    expect(text).not.toMatch(/limit_conn clients/);
  });

  test('a limit for each client counts what is passed on or downloaded, and never the health', () => {
    const limited = nginxText(exampleSpec((s) => Object.assign(s.nginx, { connectionsPerClient: 7 })));
    expect(limited.match(/limit_conn clients 7;/g)).toHaveLength(7);
    expect(block('location = /health', limited)).not.toContain('limit_conn');
    expect(block('location /', limited)).toContain('limit_conn clients 7;');
  });

  test('matches the golden text', () => expect(text).toMatchSnapshot());
});

describe('where a login is needed', () => {
  const asking = nginxText(exampleSpec((s) => Object.assign(s, { auth: { key: '0123456789abcdef' } })));
  const [images, agents] = asking.split(/^ {2}server \{/m).slice(1) as [string, string];
  const locations = (server: string) =>
    [...server.matchAll(/location (\S.*?) \{\n(.*?)\n {4}\}/gs)].map(([, match, body]) => ({ match, body: body! }));
  const open = (server: string) =>
    locations(server)
      .filter(({ body }) => body.includes('auth_basic off;'))
      .map(({ match }) => match);

  test('each server asks, and only what is listed here is open to all', () => {
    expect(open(images)).toEqual([
      '@wrong_login',
      '@refused',
      '= /health',
      '= /readiness',
      '= /.krakenctl/config',
      '= /.krakenctl/status',
    ]);
    expect(open(agents)).toEqual(['@wrong_login', '@refused', '= /health', '= /readiness']);
    expect(images).toContain('auth_basic_user_file /etc/krakenctl/auth/$credentials_for_images;');
    expect(agents).toContain('auth_basic_user_file /etc/krakenctl/auth/agents;');
  });

  test.each([
    ['GET', 'eva', 'pull'],
    ['HEAD', 'ci', 'pull'],
    ['GET', '', 'pull'],
    ['GET', 'vm-10.0.2.1', 'agents'],
    ['POST', 'vm-10.0.2.1', 'push'],
    ['PUT', 'ci', 'push'],
    ['PATCH', 'ci', 'push'],
    ['DELETE', 'ci', 'push'],
    ['GETX', 'eva', 'push'],
  ])('%s by %j is looked up in %s', (method, user, file) => {
    const rules = [
      ...block('map $request_method:$remote_user $credentials_for_images', asking).matchAll(/~(\S+) (\w+);/g),
    ];
    const found = rules.find(([, rule]) => new RegExp(rule!).test(`${method}:${user}`));
    expect(found?.[2] ?? 'push').toBe(file);
  });

  test.each([
    ['0:Basic eA==', true],
    ['0:', false],
    ['1:Basic eA==', false],
  ])('what counts as an attempt: %s is one: %s', (what, isOne) => {
    const [, rule] = /~(\S+) \$binary_remote_addr;/.exec(
      block('map $is_this_host:$http_authorization $attempt_of', asking),
    )!;
    expect(new RegExp(rule!).test(what)).toBe(isOne);
  });

  test('a wrong login waits for its turn before it is answered: return alone would not wait', () => {
    const wrong = locations(images).find(({ match }) => match === '@wrong_login')!.body;
    expect(wrong).toMatch(/limit_req zone=wrong_logins burst=\d+;/);
    expect(wrong).not.toMatch(/nodelay|return/);
    expect(images).toContain('error_page 401 = @wrong_login;');
  });

  test('/install is for tokens that hold, and for VMs; by which address a VM is known is no secret', () => {
    for (const match of ['= /install', '^~ /install/', '= /install/dismissed', '= /install/enrol']) {
      const { body } = locations(images).find((location) => location.match === match)!;
      expect(body).toContain('auth_basic_user_file /etc/krakenctl/auth/$credentials_for_install;');
      expect(body).toContain('if ($secure_link = 0) { return 401; }');
    }
    expect(locations(images).find(({ match }) => match === '= /install/whoami')!.body).toContain('return 200');
    expect(images).toContain('alias /srv/krakenctl/spool/$enrolled_as;');
    expect(text).toContain('alias /srv/krakenctl/spool/$remote_addr;');
  });

  test.each([
    ['enrol-t1a2b-1796040722', 'enrol', '1796040722', '$remote_addr.$token'],
    ['vm-10.0.2.1.own', 'agents', '', '$remote_addr'],
    ['enrol-x-1', 'enrol', '', '$remote_addr'],
    ['', 'agents', '', '$remote_addr'],
  ])('%j at /install is looked up in %s, until %j, and leaves its word as %s', (user, file, until, spool) => {
    const value = (map: string) => {
      const rules = [...block(`map $remote_user ${map}`, asking).matchAll(/^ +(~?\S+) (\S+);$/gm)];
      const [, rule, to] =
        rules.find(([, r]) => (r!.startsWith('~') ? new RegExp(r!.slice(1)).test(user) : r === user)) ?? [];
      const found = to ?? rules.find(([, r]) => r === 'default')![2]!;
      return found === '$until' ? new RegExp(rule!.slice(1)).exec(user)!.groups!.until : found.replace("''", '');
    };
    expect([value('$credentials_for_install'), value('$token_holds_until'), value('$enrolled_as')]).toEqual([
      file,
      until,
      spool,
    ]);
  });

  test('it stands in no text where nobody needs one', () => expect(text).not.toContain('auth_basic'));
});

describe('a node that is left out', () => {
  const out = nginxText(spec, { out: ['node-2'] });
  const servers = (name: string) => block(`upstream ${name}`, out).match(/server .*;/g) ?? [];

  test.each(['proxies_by_repository', 'proxies', 'trackers', 'build_indexes'])('gets nothing new from %s', (name) => {
    expect(servers(name).map((line) => line.endsWith(' down;'))).toEqual([false, true, false]);
  });

  test('is gone on with where an upload lies on it: by name, and by the ring where a client dropped the name', () => {
    expect(servers('proxies_by_upload').some((line) => line.includes('down'))).toBe(false);
    expect(servers('proxy_node-2')).toEqual(['server 10.0.1.11:8083 max_fails=0;']);
    expect(out).toContain('node-2 proxy_node-2;');
  });

  test("is asked by the agent's canary alone: by its name, and by whoever it is for no other", () => {
    const server = out.split(/^ {2}server \{/m)[2]!;
    expect(route(server, '/namespace/krakenctl-canary/through-node-2/blobs/sha256:0/metainfo')).toBe('tracker_node');
    expect(block('location ^~ /namespace/krakenctl-canary/through-node-2/', out)).toContain('http://tracker_node-2;');
    expect(servers('tracker_node-2')).toEqual(['server 10.0.1.11:8081 max_fails=0;']);
    for (const other of [
      'krakenctl-canary/through-node-1',
      'krakenctl-canary/through-node-20',
      'krakenctl-canary/control',
    ])
      expect(route(server, `/namespace/${other}/blobs/sha256:0/metainfo`)).toBe('trackers');
    expect(text).not.toContain('through-');
  });

  test('is asked for its canary where its tracker listens from now on', () => {
    const ports = { proxy: 9083, tracker: 9081, buildIndex: 9082 };
    const moving = nginxText(spec, { out: ['node-2'], earlier: { nodes: ['node-2', 'node-3'], ports } });
    expect(block('upstream tracker_node-2', moving)).toContain('10.0.1.11:8081 ');
    expect(block('upstream trackers', moving)).toContain('10.0.1.12:9081 ');
  });

  test('is named by the running NGINX, beside a sum of its own', () => {
    const said = /return 200 "([0-9a-f]{64}[^"]*)\\n"/.exec(out)![1]!;
    expect(readRunningConfig(said)).toEqual({ runningConfig: nginxConfigSum(out), out: ['node-2'] });
    expect(nginxConfigSum(out)).not.toBe(nginxConfigSum(text));
    expect(readRunningConfig(nginxConfigSum(text))).toEqual({ runningConfig: nginxConfigSum(text) });
    expect(readRunningConfig('<html>')).toEqual({});
  });

  test('nodes that have names alone are not told by their answers, and nothing else is lost', () => {
    const named = nginxText(exampleSpec((s) => Object.assign(s.nodes[0]!, { address: 'one.example' })));
    expect(named).not.toContain('one.example:8083$ node-1');
    expect(named).toContain('upstream proxy_node-1 {');
  });
});

describe('the sum that NGINX says it runs', () => {
  const said = (of: string) => /return 200 "([0-9a-f]{64})\\n";/.exec(of)![1];

  test('is the sum of the text without itself', () => {
    expect(said(text)).toBe(nginxConfigSum(text));
    expect(nginxConfigSum(text.replace(said(text)!, 'f'.repeat(64)))).toBe(said(text));
  });

  test('is another for another text', () => {
    fc.assert(
      fc.property(fc.integer({ min: 301, max: 86_400 }), (readTimeoutSeconds) => {
        expect(said(nginxText(exampleSpec((s) => Object.assign(s.nginx, { readTimeoutSeconds }))))).not.toBe(
          said(text),
        );
      }),
    );
    expect(nginxConfigSum(text.replace('OK', 'ok'))).not.toBe(nginxConfigSum(text));
  });
});

describe('any spec', () => {
  const count = (max: number) => fc.integer({ min: 0, max });
  const settings = fc.record({
    workerConnections: fc.integer({ min: 64, max: 65_535 }),
    keepaliveTimeoutSeconds: count(3600),
    upstreamKeepalive: count(4096),
    connectTimeoutSeconds: fc.integer({ min: 1, max: 75 }),
    readTimeoutSeconds: fc.integer({ min: 1, max: 86_400 }),
    sendTimeoutSeconds: fc.integer({ min: 1, max: 86_400 }),
    maxFails: count(1000),
    failTimeoutSeconds: fc.integer({ min: 1, max: 3600 }),
    connectionsPerClient: count(65_535),
  });

  test('gives a text whose braces close, with nothing left undefined', () => {
    fc.assert(
      fc.property(settings, fc.constantFrom(0, 0.5, 1, 2.25, 64), (nginx, cpus) => {
        const own: ClusterSpec = specSchema.parse({
          ...spec,
          nginx,
          limits: { ...spec.limits, nginx: { ...spec.limits.nginx, cpus } },
        });
        const rendered = nginxText(own);
        const bare = rendered.replace(/#.*|'[^']*'|"[^"]*"/g, '');
        expect(bare.match(/\{/g)!.length).toBe(bare.match(/\}/g)!.length);
        expect(rendered).not.toMatch(/undefined|NaN|\bnull\b/);
        expect(rendered).toMatch(/worker_processes [1-9]\d*;/);
      }),
    );
  });
});
