import fc from 'fast-check';
import { parse } from 'yaml';
import { components } from '../../../src/cluster/component';
import { renderFiles } from '../../../src/cluster/render/files';
import type { ClusterSpec } from '../../../src/cluster/spec';
import { exampleSpec } from '../../support/cluster';

const spec = exampleSpec();
const parts = ['origin', 'tracker', 'build-index', 'proxy'] as const;
type Part = (typeof parts)[number];

function textOf(part: Part, own: ClusterSpec = spec): string {
  return renderFiles(own, own.nodes[0]!, part)['production.yaml']!;
}

function configOf(part: Part, own: ClusterSpec = spec) {
  return parse(textOf(part, own), { version: '1.1' });
}

const seconds = (text: string) => Number(/^(\d+)s$/.exec(text)![1]);

describe.each(parts)('the configuration of %s', (part) => {
  test('stands on the base file in its own image', () => {
    expect(textOf(part).split('\n')[1]).toBe(`extends: /etc/kraken/config/${part}/base.yaml`);
  });

  test('says that TLS is off, since a part that is told nothing looks for certificates and ends', () => {
    expect(configOf(part).tls).toEqual({ server: { disabled: true }, client: { disabled: true } });
  });

  test('writes no log into a file that nothing rotates', () => {
    const { zap, nginx } = configOf(part);
    expect(zap).toEqual({ outputPaths: ['stdout'], errorOutputPaths: ['stdout'] });
    for (const key of ['stdout_log_path', 'access_log_path', 'error_log_path']) {
      expect(nginx[key]).toMatch(/^\/dev\/(stdout|null)$/);
    }
  });

  test('gives its NGINX a cache folder of its own', () => {
    expect(configOf(part).nginx.cache_dir).toBe(`/var/cache/kraken/kraken-${part}/nginx/`);
  });

  test('is read alike by YAML 1.1, which Kraken uses, and 1.2', () => {
    expect(parse(textOf(part), { version: '1.2' })).toEqual(configOf(part));
  });

  test('is the same on every node', () => {
    const texts = spec.nodes.map((node) => renderFiles(spec, node, part)['production.yaml']);
    expect(new Set(texts).size).toBe(1);
  });

  test('matches the golden text', () => expect(textOf(part)).toMatchSnapshot());
});

describe('an origin and the VMs that ask it for a layer', () => {
  test('it serves three of them at a time, so that the others take it from those', () => {
    expect(configOf('origin').scheduler.connstate.max_open_conn).toBe(3);
  });
});

describe('the Kraken parts together', () => {
  test('an origin calls itself by the very name under which it is listed', () => {
    for (const node of spec.nodes) {
      const command = components.origin.command(spec, node);
      const argument = (flag: string) => command[command.indexOf(flag) + 1];
      const name = `${argument('--blobserver-hostname')}:${argument('--blobserver-port')}`;
      expect(configOf('origin').cluster.static).toContain(name);
    }
  });

  test('a tracker always uses Redis through the router of its own node', () => {
    expect(configOf('tracker').peerstore.redis).toEqual({ enabled: true, addr: '127.0.0.1:6390' });
  });

  test('everyone lists every origin and every build-index', () => {
    const origins = ['10.0.1.10:8080', '10.0.1.11:8080', '10.0.1.12:8080'];
    const indexes = ['10.0.1.10:8082', '10.0.1.11:8082', '10.0.1.12:8082'];
    for (const part of ['tracker', 'build-index', 'proxy'] as const) {
      expect(configOf(part).origin.hosts.static).toEqual(origins);
    }
    expect(configOf('proxy').build_index.hosts.static).toEqual(indexes);
    expect(configOf('build-index').cluster.hosts.static).toEqual(indexes);
  });

  test('blobs and tags go to storage through the router of their own node', () => {
    const backend = (part: Part) => configOf(part).backends[0].backend.testfs;
    expect(backend('origin')).toEqual({ addr: '127.0.0.1:7001', root: 'blobs', name_path: 'identity' });
    expect(backend('build-index')).toEqual({ addr: '127.0.0.1:7001', root: 'tags', name_path: 'docker_tag' });
  });

  test('a build-index never waits for storage to say that it is ready, since it would wait for ever', () => {
    expect(configOf('origin').backends[0].must_ready).toBe(true);
    expect(configOf('build-index').backends[0].must_ready).toBe(false);
  });

  test('only the tracker keeps its access log to itself', () => {
    const logs = parts.map((part) => configOf(part).nginx.access_log_path);
    expect(logs).toEqual(['/dev/stdout', '/dev/null', '/dev/stdout', '/dev/stdout']);
  });

  test('idle files are looked for at least once within the time that they may be idle', () => {
    const tti = fc.integer({ min: 60, max: 365 * 86_400 });
    const ttl = fc.oneof(fc.constant(0), fc.integer({ min: 60, max: 365 * 86_400 }));
    fc.assert(
      fc.property(tti, ttl, (cacheTtiSeconds, cacheTtlSeconds) => {
        const own = exampleSpec((s) => Object.assign(s.kraken, { cacheTtiSeconds, cacheTtlSeconds }));
        const cleanup = configOf('origin', own).castore.cache_cleanup;
        expect(seconds(cleanup.tti)).toBe(cacheTtiSeconds);
        expect(seconds(cleanup.ttl)).toBe(cacheTtlSeconds);
        expect(seconds(cleanup.interval)).toBeGreaterThan(0);
        expect(seconds(cleanup.interval)).toBeLessThanOrEqual(Math.min(1800, cacheTtiSeconds, cacheTtlSeconds || 1800));
      }),
    );
  });

  test('the queue of unwritten blobs is looked through at least as often as one may be due', () => {
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 3600 }), (writebackRetrySeconds) => {
        const own = exampleSpec((s) => Object.assign(s.kraken, { writebackRetrySeconds }));
        const { retry_interval, poll_retries_interval } = configOf('origin', own).writeback;
        expect(seconds(retry_interval)).toBe(writebackRetrySeconds);
        expect(seconds(poll_retries_interval)).toBeGreaterThan(0);
        expect(seconds(poll_retries_interval)).toBeLessThanOrEqual(writebackRetrySeconds);
      }),
    );
  });
});
