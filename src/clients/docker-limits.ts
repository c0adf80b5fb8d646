import type Docker from 'dockerode';
import type { EngineClient } from './docker-client';
import { EngineError } from './errors';
import type { ContainerInfo, Engine } from './host';

/** The kernel's own, and the one that Docker makes of NanoCpus. */
const usualPeriod = 100_000;

/** The same for swap: a limit that lets a part swap is none. */
export function memoryResources(memoryBytes: number) {
  return { Memory: memoryBytes, MemorySwap: memoryBytes };
}

/**
 * By quota and not by NanoCpus: once set, Docker never takes NanoCpus away from a container (0 says "leave it"), while a quota of -1
 * is none, at once and after the next start (run on Docker 20.10, docs/decisions/0026).
 */
export function cpuResources(nanoCpus: number) {
  if (nanoCpus === 0) return { CpuQuota: -1 };
  return { CpuPeriod: usualPeriod, CpuQuota: Math.round((nanoCpus * usualPeriod) / 1e9) };
}

type HostConfig = Pick<Docker.HostConfig, 'Memory' | 'NanoCpus' | 'CpuPeriod' | 'CpuQuota'>;

/** A quota counts before NanoCpus, as it does when Docker starts the container. */
export function limitsOf({
  Memory = 0,
  NanoCpus = 0,
  CpuPeriod,
  CpuQuota = 0,
}: HostConfig): Pick<ContainerInfo, 'memoryBytes' | 'nanoCpus' | 'nanoCpusHeld'> {
  const byQuota = CpuQuota > 0 ? Math.round((CpuQuota / (CpuPeriod || usualPeriod)) * 1e9) : 0;
  return { memoryBytes: Memory, nanoCpus: CpuQuota === 0 ? NanoCpus : byQuota, nanoCpusHeld: NanoCpus > 0 };
}

export function limitVerbs({ docker, host, ask }: EngineClient): Pick<Engine, 'update' | 'keepEnded'> {
  return {
    keepEnded: (id) =>
      ask(`update ${id}`, async () => {
        await docker.getContainer(id).update({ RestartPolicy: { Name: 'no' } });
      }),
    update: (id, { memoryBytes, nanoCpus }) =>
      ask(`update ${id}`, async () => {
        const container = docker.getContainer(id);
        if (memoryBytes !== undefined) await refuseBelowUse(container, host, memoryBytes);
        await container.update({
          ...(memoryBytes !== undefined && memoryResources(memoryBytes)),
          ...(nanoCpus !== undefined && cpuResources(nanoCpus)),
        });
      }),
  };
}

/** Of what a process wrote, without a file behind it. The first kernel interface (cgroup v1) has other names and refuses by itself. */
interface MemoryStats {
  memory_stats?: { stats?: { anon?: number; shmem?: number } };
}

/** Under cgroup v2 the kernel makes room for a smaller limit by ending a process. */
async function refuseBelowUse(container: Docker.Container, host: string, memoryBytes: number): Promise<void> {
  const answer: unknown = await container.stats({ stream: false, 'one-shot': true });
  const { anon = 0, shmem = 0 } = (answer as MemoryStats).memory_stats?.stats ?? {};
  const held = anon + shmem;
  if (held < memoryBytes) return;
  throw new EngineError(`the new memory limit is ${memoryBytes} bytes, and ${held} are in use`, host, 409);
}
