import { parseInfo, parseNodes } from '../../src/clients/redis';
import { pullByDigest, pushTinyImage } from '../../src/clients/registry';
import { MemoryRegistry } from '../support/memory-registry';

describe('what Redis says of itself', () => {
  test('CLUSTER NODES is read with roles, masters and slots; migrating slots are left out', () => {
    const text = [
      'aa 10.0.0.1:6379@16379 myself,master - 0 0 1 connected 0-5460 7000 [93-<-bb]',
      'bb 10.0.0.2:6380@16380,name slave,fail? aa 1 2 1 disconnected',
    ].join('\n');
    expect(parseNodes(`${text}\n`)).toEqual([
      {
        id: 'aa',
        address: '10.0.0.1',
        port: 6379,
        flags: ['myself', 'master'],
        masterId: undefined,
        linkState: 'connected',
        slots: [
          [0, 5460],
          [7000, 7000],
        ],
      },
      {
        id: 'bb',
        address: '10.0.0.2',
        port: 6380,
        flags: ['slave', 'fail?'],
        masterId: 'aa',
        linkState: 'disconnected',
        slots: [],
      },
    ]);
  });

  test('INFO is read by name; a value may have colons', () => {
    expect(parseInfo('# Replication\r\nrole:slave\r\nmaster_host:a:b\r\n')).toEqual({
      role: 'slave',
      master_host: 'a:b',
    });
  });
});

describe('the canary image', () => {
  const registry = new MemoryRegistry();
  const door = {
    host: { id: 'node-1' },
    http: async (request: Parameters<MemoryRegistry['answer']>[0]) => registry.answer(request),
  };
  const image = {
    port: 5000,
    repository: 'krakenctl-canary/deploy',
    tag: 't1',
    contents: '20261123-061500-deploy-4f2a',
  };

  test('is at most 1 KiB, the same every time, and comes back whole', async () => {
    const first = await pushTinyImage(door, image);
    expect(first.bytes).toBeLessThanOrEqual(1024);
    expect(await pushTinyImage(door, image)).toEqual(first);
    await pullByDigest(door, { port: 5000, repository: image.repository, digest: first.digest });
  });

  test('that comes back changed is found', async () => {
    const { digest } = await pushTinyImage(door, image);
    const key = [...registry.blobs.keys()][0]!;
    const kept = registry.blobs.get(key)!;
    registry.blobs.set(key, Buffer.concat([kept, Buffer.from('x')]));
    await expect(pullByDigest(door, { port: 5000, repository: image.repository, digest })).rejects.toThrow(/asked for/);
    registry.blobs.set(key, kept);
  });
});
