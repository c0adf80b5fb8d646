import { type CommandError, run } from '../../lab/commands';
import { dockerArgv } from '../../lab/docker';
import type { LabHost } from '../../lab/lab';
import { CliFailure } from '../failure';
import { showBrief } from '../time-text';

/**
 * What the cluster is for, as a person would try it: an image made and pushed on one host, pulled by digest on another. Each
 * host asks the load balancer at its own 127.0.0.1, since Docker speaks plain HTTP to nobody else.
 */
export interface RoundTrip {
  from: LabHost;
  to: LabHost;
  port: number;
}

export interface RoundTripReport {
  digest: string;
  message: string;
}

const stepTimeoutMs = 60_000;

export async function pushAndPull(
  { from, to, port }: RoundTrip,
  note: (text: string) => void,
): Promise<RoundTripReport> {
  const name = `127.0.0.1:${port}/demo/hello`;
  const script = `echo "hello from ${from.name}" >/tmp/hello && tar -C /tmp -c hello | docker import - ${name}:latest`;
  await onHost(from, ['sh', '-c', script]);
  note(`pushing demo/hello through ${from.name}`);
  const pushed = await timed(() => onHost(from, ['docker', 'push', `${name}:latest`]));
  const digest = /digest: (sha256:[0-9a-f]{64})/.exec(pushed.result)?.[1];
  if (!digest)
    throw new CliFailure('DEMO_FAILED', `docker push named no digest\n${pushed.result}`, { host: from.name });
  note(`pulling demo/hello by digest on ${to.name}`);
  const pulled = await timed(() => onHost(to, ['docker', 'pull', `${name}@${digest}`]));
  const seen = await onHost(to, [
    'docker',
    'image',
    'inspect',
    '--format',
    '{{join .RepoDigests " "}}',
    `${name}@${digest}`,
  ]);
  if (!seen.includes(digest))
    throw new CliFailure('DEMO_FAILED', `${to.name} has ${seen}, not ${digest}`, { host: to.name });
  const short = `${digest.slice(7, 11)}…${digest.slice(-2)}`;
  const message = `pushed demo/hello through ${from.name} ${showBrief(pushed.ms)} · pulled on ${to.name} ${showBrief(pulled.ms)} · same digest ${short}`;
  return { digest, message };
}

/** The same image through the agents of VMs, by what every VM has for it. */
export async function pullThroughAgents(
  { vms, digest }: { vms: LabHost[]; digest: string },
  note: (text: string) => void,
): Promise<{ message: string }> {
  const took = await Promise.all(
    vms.map(async (vm) => {
      note(`kraken-pull demo/hello on ${vm.name}`);
      const { result, ms } = await timed(() => onHost(vm, ['kraken-pull', '--json', `demo/hello@${digest}`]));
      const report = JSON.parse(result) as { digest?: string; via?: string };
      if (report.digest === digest && report.via === 'agent') return `${vm.name} ${showBrief(ms)}`;
      throw new CliFailure('DEMO_FAILED', `${vm.name} has ${report.digest} by ${report.via}, not ${digest}`, {
        host: vm.name,
      });
    }),
  );
  return { message: `pulled demo/hello through the agents of ${took.join(' · ')} · same digest` };
}

async function onHost(host: LabHost, argv: string[]): Promise<string> {
  try {
    return await run(dockerArgv(['exec', host.container, ...argv]), { timeoutMs: stepTimeoutMs });
  } catch (error) {
    throw new CliFailure('DEMO_FAILED', (error as CommandError).message, {
      host: host.name,
      hint: 'krakenctl status · krakenctl logs',
      cause: error,
    });
  }
}

async function timed<T>(work: () => Promise<T>): Promise<{ result: T; ms: number }> {
  const startedAt = Date.now();
  return { result: await work(), ms: Date.now() - startedAt };
}
