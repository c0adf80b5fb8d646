import { partsOf } from '../component';
import { runsOn } from '../image';
import { containerName } from '../names';
import { portsOf } from '../port-conflicts';
import type { ClusterSpec, HostSpec } from '../spec';
import { judgeCertificates } from './certificates';
import type { HostFacts, PreflightFacts, Reach } from './facts';
import type { Finding } from './findings';
import { judgeMachine, skewWarnMs } from './machine';

type Seen = Extract<HostFacts, { reachable: true }>;

/** Those that other hosts must reach; a router of Redis and storage serves its own host alone. */
export function sharedPortsOf(spec: ClusterSpec, node: HostSpec): number[] {
  return portsOf(spec, node)
    .filter(({ from }) => from !== 'itself')
    .map(({ port }) => port);
}

/** All that speaks against a deploy, failures first. The same facts give the same findings. */
export function judgePreflight(spec: ClusterSpec, facts: PreflightFacts): Finding[] {
  const seen = facts.hosts.filter((h): h is Seen => h.reachable);
  const findings = [
    ...facts.hosts.flatMap(judgeReachability),
    ...seen.flatMap((host) => [
      ...judgeMachine(spec, host),
      ...judgePorts(spec, host),
      ...judgeNames(spec, host),
      ...judgeImages(host),
      ...judgeOwner(host, facts),
    ]),
    ...judgeClocks(seen),
    ...judgePaths(facts.reaches),
    ...judgeLayout(spec),
    ...judgeCertificates(facts.hosts, facts.nowMs),
  ];
  return [...findings.filter((f) => f.level === 'failure'), ...findings.filter((f) => f.level === 'warning')];
}

function judgeReachability(host: HostFacts): Finding[] {
  if (host.reachable) return [];
  return [
    {
      code: host.code,
      level: 'failure',
      host: host.host,
      what: host.error,
      why: 'nothing can be done on a host that cannot be logged in to',
      mend: host.hint ?? 'see that the host is on, that its address is right and that sshd answers there',
    },
  ];
}

function judgePorts(spec: ClusterSpec, { host, machine, engine, containers }: Seen): Finding[] {
  const node = spec.nodes.find((n) => n.id === host)!;
  return portsOf(spec, node).flatMap(({ port, part }): Finding[] => {
    const holder = machine.listeners.find((l) => l.port === port);
    if (!holder) return [];
    // Whose container it is, the Engine alone can say.
    if (!engine && holder.containerId) return [];
    const container = containers.find((c) => c.id === holder.containerId);
    if (container?.name === containerName(spec.name, host, part) && container.cluster === spec.name) return [];
    const who = container
      ? `the container ${container.name}`
      : `${holder.program ?? 'another program'}${holder.pid ? ` (pid ${holder.pid})` : ''}`;
    return [
      {
        code: 'PORT_TAKEN',
        level: 'failure',
        host,
        what: `port ${port}, for ${part}, is held by ${who}`,
        why: `${part} would end again and again with "address already in use"`,
        mend: 'stop that program, or choose another port in .env',
      },
    ];
  });
}

function judgeNames(spec: ClusterSpec, { host, containers, machine }: Seen): Finding[] {
  const names = partsOf(spec, spec.nodes.find((n) => n.id === host)!).map((part) =>
    containerName(spec.name, host, part),
  );
  const foreign = containers.filter((c) => names.includes(c.name) && c.cluster !== spec.name);
  const findings = foreign.map(
    (c): Finding => ({
      code: 'FOREIGN_CONTAINER',
      level: 'failure',
      host,
      what: `a container named ${c.name} exists and does not carry our label`,
      why: 'krakenctl never removes what it did not make',
      mend: `rename or remove it on the host: docker inspect ${c.name}`,
    }),
  );
  const isOurs = machine.hasRecord || containers.some((c) => c.cluster === spec.name);
  if (machine.hasFiles && !isOurs) {
    findings.push({
      code: 'FOREIGN_FILES',
      level: 'warning',
      host,
      what: `/etc/kraken/${spec.name} exists without a record of this cluster`,
      why: 'files of the same names would be replaced by the deploy',
      mend: `look at them, and move them away if they are somebody else's`,
    });
  }
  return findings;
}

function judgeImages({ host, images, engine }: Seen): Finding[] {
  if (!engine) return [];
  return images.flatMap((image): Finding[] => {
    if (image.error !== undefined) {
      const why = 'the deploy would stop half way, when this host has to have it';
      const mend = 'push it to the registry, or mend KRAKEN_IMAGE_REGISTRY, KRAKEN_VERSION or the *_IMAGE key';
      return [{ code: 'IMAGE_MISSING', level: 'failure', host, what: image.error, why, mend }];
    }
    if (runsOn(image.platforms, engine.platform)) return [];
    return [
      {
        code: 'IMAGE_PLATFORM',
        level: 'failure',
        host,
        what: `${image.reference} is for ${image.platforms.join(', ')}, this host is ${engine.platform}`,
        why: 'its program cannot run here: "exec format error"',
        mend: `build or copy the image for ${engine.platform}`,
      },
    ];
  });
}

function judgeOwner({ host, owner }: Seen, { ownerId, bystander }: PreflightFacts): Finding[] {
  if (!owner || owner.id === ownerId) return [];
  const where = `Temporal ${owner.temporal}, namespace ${owner.namespace}`;
  const why = 'two would undo each other';
  if (bystander) {
    const what = `a krakenctl looks after this cluster (${where}); only its worker can say whether that is this one`;
    const mend = 'check again when a worker answers: krakenctl worker status';
    return [{ code: 'OWNER_UNKNOWN', level: 'warning', host, what, why, mend }];
  }
  const what = `another krakenctl looks after this cluster (${where})`;
  const mend = 'deploy through that one; if it is lost: krakenctl cluster take-over';
  return [{ code: 'FOREIGN_OWNER', level: 'failure', host, what, why, mend }];
}

/** Each may be near enough to us, and yet two far from each other. */
function judgeClocks(seen: Seen[]): Finding[] {
  const known = seen.filter((h) => Number.isFinite(h.machine.clockOffsetMs));
  const [first, ...rest] = [...known].sort((a, b) => a.machine.clockOffsetMs - b.machine.clockOffsetMs);
  const last = rest.at(-1);
  if (!first || !last || known.some((h) => Math.abs(h.machine.clockOffsetMs) > skewWarnMs)) return [];
  const apart = last.machine.clockOffsetMs - first.machine.clockOffsetMs;
  if (apart <= skewWarnMs) return [];
  return [
    {
      code: 'CLOCK_SKEW',
      level: 'warning',
      host: first.host,
      what: `the clocks of ${first.host} and ${last.host} are ${(apart / 1000).toFixed(1)} s apart`,
      why: 'logs of several hosts cannot be put in order, and what expires does so at the wrong time',
      mend: 'let chrony or systemd-timesyncd run on both: timedatectl set-ntp true',
    },
  ];
}

/** Ports of one way between two hosts, in one line. */
function judgePaths(reaches: Reach[]): Finding[] {
  const ways = new Map<string, Reach[]>();
  for (const reach of reaches.filter(
    (r) => r.result === 'silent' || r.result === 'refused' || r.result === 'another',
  )) {
    const key = `${reach.from} ${reach.to} ${reach.result}`;
    ways.set(key, [...(ways.get(key) ?? []), reach]);
  }
  return [...ways.values()].map((blocked): Finding => {
    const { from, to, result } = blocked[0]!;
    const ports = blocked.map((r) => r.port).join(', ');
    const how = {
      silent: 'gets no answer (a firewall drops it)',
      refused: 'is refused (a firewall rejects it)',
      another: 'is answered by another machine',
    };
    return {
      code: 'PORT_BLOCKED',
      level: 'failure',
      host: from,
      what: `${from} ${how[result as keyof typeof how]} at ${to}, port ${ports}`,
      why: 'parts on different hosts could not talk; Redis would call the cluster failed',
      mend: `open TCP ${ports} from ${from} to ${to}`,
    };
  });
}

function judgeLayout(spec: ClusterSpec): Finding[] {
  if (spec.loadBalancers.length > 1) return [];
  return [
    {
      code: 'LB_SINGLE',
      level: 'warning',
      host: spec.loadBalancers[0],
      what: 'it carries the only load balancer',
      why: 'when this host is down, nobody can pull',
      mend: 'name more hosts in LB_NODES, or leave it out: then every node has one',
    },
  ];
}
