import { parseMachine } from '../../src/clients/preflight';

test('what a host says of itself is read; names and settings may have spaces', () => {
  const text = [
    'a banner of the login shell',
    'clock\t1700000005000',
    'memory\t8589934592',
    'cpus\t4',
    'missing\tss',
    'disk\t/var/lib/docker 1048576 42 7',
    'setting\ttransparent_hugepage always [madvise] never',
    'setting\tvm.overcommit_memory 0',
    'listen\t8081 12 - my server',
    `listen\t8080 13 ${'a'.repeat(64)} origin`,
    'listen\t7000 - - ',
    'clock\t1700000006000',
    'record\tyes',
  ].join('\n');
  expect(parseMachine(text, 1_700_000_000_000)).toEqual({
    clockOffsetMs: 5500,
    memoryBytes: 8 * 2 ** 30,
    cpus: 4,
    disks: [{ folder: '/var/lib/docker', availableBytes: 2 ** 30, usedPercent: 42, inodesUsedPercent: 7 }],
    settings: { transparent_hugepage: 'always [madvise] never', 'vm.overcommit_memory': '0' },
    missingPrograms: ['ss'],
    listeners: [
      { port: 8081, pid: 12, containerId: undefined, program: 'my server' },
      { port: 8080, pid: 13, containerId: 'a'.repeat(64), program: 'origin' },
      { port: 7000, pid: undefined, containerId: undefined, program: undefined },
    ],
    hasFiles: false,
    hasFirewall: false,
    hasRecord: true,
  });
});
