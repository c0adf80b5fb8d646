import { capabilitiesOf, components, mountsOf, partsOf, portsOfPart, readinessOf } from '../../src/cluster/component';
import { partNames } from '../../src/cluster/spec';
import { exampleSpec } from '../support/cluster';

const spec = exampleSpec();

describe('the parts of a node', () => {
  test.each(partNames)('%s starts after everything that it waits for', (part) => {
    for (const other of components[part].waitsFor) {
      expect(partNames.indexOf(other)).toBeLessThan(partNames.indexOf(part));
    }
  });

  test('no two of them listen on one port', () => {
    const ports = partNames.flatMap((part) => portsOfPart(spec, part));
    expect(new Set(ports).size).toBe(ports.length);
  });

  test('no two of them share a folder of the host', () => {
    const sources = partNames.flatMap((part) => mountsOf(spec, part).map(({ source }) => source));
    expect(new Set(sources).size).toBe(sources.length);
  });

  test.each(partNames)('%s cannot write its own configuration', (part) => {
    expect(mountsOf(spec, part)[0]).toEqual({
      source: `/etc/kraken/cluster/${part}`,
      target: '/etc/krakenctl',
      readOnly: true,
    });
  });

  test.each(partNames)('the readiness of %s is asked on a port that it listens on', (part) => {
    expect(portsOfPart(spec, part)).toContain(readinessOf(spec, part).port);
  });

  test.each(['origin', 'tracker', 'build-index', 'proxy'] as const)(
    '%s starts with an empty /tmp, since a stale socket there ends it',
    (part) => expect(components[part].tmpfs).toContain('/tmp'),
  );

  test('a proxy is asked for its health, since it has no readiness', () => {
    expect(readinessOf(spec, 'proxy')).toEqual({ kind: 'http', port: 8083, path: '/health' });
    expect(readinessOf(spec, 'origin')).toEqual({ kind: 'http', port: 8080, path: '/readiness' });
  });

  test.each(['origin', 'build-index', 'testfs', 'redis', 'redis-replica'] as const)(
    'what %s keeps outlives its container',
    (part) => {
      const kept = mountsOf(spec, part).find(({ target }) => target === components[part].state);
      expect(kept).toMatchObject({ source: `/var/lib/kraken/cluster/${part}`, readOnly: false });
    },
  );

  test('only a load balancer node carries an NGINX', () => {
    const own = exampleSpec((s) => {
      s.loadBalancers = ['node-2'];
    });
    const carrying = own.nodes.filter((node) => partsOf(own, node).includes('nginx')).map(({ id }) => id);
    expect(carrying).toEqual(['node-2']);
  });

  test('only a port below 1024 adds the right to bind it, and only to its part', () => {
    const own = exampleSpec((s) => {
      s.ports.lbProxy = 80;
    });
    for (const part of partNames) {
      expect(capabilitiesOf(spec, part)).not.toContain('NET_BIND_SERVICE');
      expect(capabilitiesOf(own, part).includes('NET_BIND_SERVICE')).toBe(part === 'nginx');
    }
  });

  test("Kraken's own parts have no capability at all; the others have what their images' starters need to change users", () => {
    const own = ['testfs', 'origin', 'tracker', 'build-index', 'proxy'];
    for (const part of partNames)
      expect([part, capabilitiesOf(spec, part)]).toEqual([
        part,
        own.includes(part) ? [] : ['CHOWN', 'DAC_OVERRIDE', 'SETGID', 'SETUID'],
      ]);
  });

  test('a root file system that is not read-only is that of a part whose nginx spools or caches there', () => {
    expect(partNames.filter((part) => !components[part].readOnlyRoot)).toEqual(['origin', 'tracker', 'proxy']);
    for (const part of partNames.filter((one) => components[one].hasInnerNginx && components[one].readOnlyRoot))
      expect([part, components[part].tmpfs]).toEqual([part, ['/tmp', '/run', '/var/lib/nginx']]);
  });
});
