import { createHash } from 'node:crypto';
import type { DesiredFile } from './desired';
import { shortDigest } from './differences';
import { configFolder, containerName } from './names';
import type { ObservedContainer, SeenHost } from './observed';
import type { BalancerState, LeftOut, Step } from './plan';
import { nginxConfigSum, nginxText } from './render/nginx';
import type { ClusterSpec } from './spec';

/** nginx.conf of one load balancer, as it is for a while. */
export function balancerFile(spec: ClusterSpec, host: string, state: BalancerState): DesiredFile {
  const contents = nginxText(spec, state);
  const sha256 = createHash('sha256').update(contents).digest('hex');
  return { host, part: 'nginx', path: balancerPath(spec), mode: 0o644, contents, sha256 };
}

/** What an NGINX says of itself once it runs that file. */
export function balancerSum(spec: ClusterSpec, state: BalancerState): string {
  return nginxConfigSum(nginxText(spec, state));
}

export function balancerPath(spec: ClusterSpec): string {
  return `${configFolder(spec.name, 'nginx')}/nginx.conf`;
}

/** On which a load balancer with this file listens. */
export function balancerPorts(contents: string): number[] {
  return [...contents.matchAll(/^\s*listen (\d+)/gm)].map(([, port]) => Number(port));
}

/** Nodes that some running load balancer leaves out: by an operation that did not come to its end. In the order of the spec. */
export function outNodes(spec: ClusterSpec, seen: SeenHost[]): string[] {
  const out = new Set(seen.flatMap((host) => host.nginx?.out ?? []));
  return spec.nodes.map((node) => node.id).filter((id) => out.has(id));
}

/** {@link outNodes}, each with the operation that its containers tell of, unless that one came to its end. */
export function leftOut(spec: ClusterSpec, seen: SeenHost[], ended: string | undefined): LeftOut[] {
  return outNodes(spec, seen).map((host) => {
    const containers = seen.find((h) => h.host === host)?.containers ?? [];
    const newest = containers.reduce<ObservedContainer | undefined>(
      (best, c) => (c.operation !== undefined && c.startedAt >= (best?.startedAt ?? 0) ? c : best),
      undefined,
    );
    const operation = newest?.operation;
    return { host, ...(operation !== undefined && operation !== ended && { operation }) };
  });
}

export interface BalancerReason {
  /** Id of the stage, for the ids of the steps. */
  stage: string;
  summary: string;
  because: (host: string) => string[];
}

interface Balancer {
  host: string;
  /** Hex SHA-256 of its file. */
  file?: string;
  /** What an NGINX that starts now would say of itself. */
  written?: string;
  /** Absent where no NGINX runs: it will read the file when it starts. */
  running?: string;
}

/** It runs and did not say with what. */
const unknown = '(unknown)';

/** What the load balancers have, as a plan goes on: each call of {@link Balancers.bring} says what is to do from where the last one left them. */
export class Balancers {
  private readonly all: Balancer[];

  constructor(
    private readonly spec: ClusterSpec,
    seen: SeenHost[],
    private earlier?: BalancerState['earlier'],
  ) {
    this.all = spec.loadBalancers.flatMap((id) => {
      const is = seen.find((host) => host.host === id);
      if (!is) return [];
      const onDisk = is.files.find((f) => f.path === balancerPath(spec));
      const file = onDisk?.mode === 0o644 ? onDisk.sha256 : undefined;
      const name = containerName(spec.name, id, 'nginx');
      const runs = is.containers.some((c) => c.name === name && c.state === 'running');
      return [{ host: id, file, running: is.nginx?.runningConfig ?? (runs ? unknown : undefined) }];
    });
  }

  /** Its container is made anew or started: it runs what lies on the disk then. */
  restarted(host: string): void {
    const one = this.all.find((b) => b.host === host);
    if (one) one.running = one.written;
  }

  /** Parts of a node listen where they shall. */
  moved(host: string): void {
    if (!this.earlier) return;
    const nodes = this.earlier.nodes.filter((id) => id !== host);
    this.earlier = nodes.length > 0 ? { ...this.earlier, nodes } : undefined;
  }

  /** Steps that leave these nodes out everywhere, and no others. */
  bring(out: readonly string[], reason: BalancerReason): Step[] {
    const state: BalancerState = { out: [...out], ...(this.earlier && { earlier: this.earlier }) };
    const isPassing = state.out.length > 0 || state.earlier !== undefined;
    const { sha256: file, contents } = balancerFile(this.spec, '', state);
    const sum = nginxConfigSum(contents);
    return this.all.flatMap((one) => {
      const step = (kind: 'file' | 'reload', from: string | undefined, to: string): Step => ({
        id: `${reason.stage}/${one.host}/${kind}/nginx`,
        host: one.host,
        kind,
        action: kind === 'file' && from === undefined ? 'create' : 'change',
        part: 'nginx',
        lane: `${one.host} nginx`,
        target: kind === 'file' ? balancerPath(this.spec) : containerName(this.spec.name, one.host, 'nginx'),
        summary: `${one.host}: ${kind === 'file' ? 'write nginx/nginx.conf' : 'reload nginx'}, ${reason.summary}`,
        changes: [
          { field: kind === 'file' ? 'sha256' : 'running configuration', from: shortOr(from), to: shortDigest(to) },
        ],
        because: reason.because(one.host),
        expect: to,
        ...(isPassing && { balancer: state }),
      });
      const steps: Step[] = [];
      if (one.file !== file) steps.push(step('file', one.file, file));
      if (one.running !== undefined && one.running !== sum) steps.push(step('reload', one.running, sum));
      Object.assign(one, { file, written: sum, running: one.running && sum });
      return steps;
    });
  }
}

function shortOr(sum: string | undefined): string {
  if (sum === undefined) return '(absent)';
  return sum === unknown ? unknown : shortDigest(sum);
}
