import type { Because } from './because';
import type { DesiredContainer, DesiredFile, DesiredHost } from './desired';
import { isImagePresent } from './image';
import { heldLimit, liveSteps } from './live-steps';
import type { ObservedContainer, ObservedFile, SeenHost } from './observed';
import type { FieldChange, Plan, Step } from './plan';
import { partOfTlsFile } from './tls/files';

/** How one host differs from what it should carry, as steps in the order in which they are safe. */
export interface HostDifferences {
  host: string;
  images: Step[];
  files: Step[];
  /** In start order. */
  containers: Step[];
  /** Limits and settings of containers that are kept. */
  live: Step[];
  reloads: Step[];
  removals: Step[];
  /** Containers and files that are as they should be. */
  kept: number;
  conflicts: Plan['conflicts'];
}

interface Pairing {
  want: DesiredHost;
  is: SeenHost;
  because: Because;
}

export function differencesOf(pairing: Pairing): HostDifferences {
  const { want, is } = pairing;
  const files = want.files.map((file) => fileStep(pairing, file));
  const rewritten = new Set(files.flatMap((s) => (s ? [s.target] : [])));
  const results = want.containers.map((c) => containerStep(pairing, c, rewritten));
  const containers = results.flatMap((r) => (r.step ? [r.step] : []));
  const live = liveSteps(pairing, containers);
  const isTouched = (c: DesiredContainer) => [...containers, ...live].some((s) => s.target === c.name);
  const keptContainers = want.containers.filter((c, i) => !results[i]!.conflict && !isTouched(c)).length;
  const reload = nginxReload(pairing, containers, rewritten);
  return {
    host: want.host,
    images: imageSteps(pairing, containers),
    files: files.flatMap((s) => (s ? [s] : [])),
    containers,
    live,
    reloads: reload ? [reload] : [],
    removals: [...orphanSteps(want, is), ...leftFiles(pairing)],
    kept: files.filter((s) => !s).length + keptContainers,
    conflicts: results.flatMap((r) => (r.conflict ? [r.conflict] : [])),
  };
}

/** Only images that a container step needs, or that a kept container would need to be made again. */
function imageSteps({ want, is }: Pairing, containers: Step[]): Step[] {
  const needed = want.containers.filter((c) => containers.some((s) => s.target === c.name));
  const missing = new Map(needed.map((c) => [c.image, c] as const));
  return [...missing.values()].flatMap((c): Step[] => {
    if (isImagePresent(is.images, c.image, c.imageDigest)) return [];
    return [
      {
        id: `images/${want.host}/image/${c.image}`,
        host: want.host,
        kind: 'image',
        action: 'create',
        target: c.image,
        summary: `${want.host}: bring ${shortImage(c.image)}`,
        changes: [{ field: 'digest', from: '(absent)', to: shortDigest(c.imageDigest) }],
        because: [`${shortDigest(c.imageDigest)} is not on the host`],
        expect: c.imageDigest,
      },
    ];
  });
}

function fileStep({ want, is, because }: Pairing, file: DesiredFile): Step | undefined {
  const found = is.files.find((f) => f.path === file.path);
  if (found && found.sha256 === file.sha256 && found.mode === file.mode) return undefined;
  const name = file.path.slice(file.path.lastIndexOf('/') + 1);
  return {
    id: `files/${want.host}/file/${file.path}`,
    host: want.host,
    kind: 'file',
    action: found ? 'change' : 'create',
    part: file.part,
    target: file.path,
    summary: `${want.host}: write ${file.part}/${name}`,
    changes: fileChanges(file, found),
    because: found ? because.file(file, found) : ['the file is missing on the host'],
    expect: file.sha256,
  };
}

function fileChanges(file: DesiredFile, found: ObservedFile | undefined): FieldChange[] {
  if (!found) return [{ field: 'sha256', from: '(absent)', to: shortDigest(file.sha256) }];
  const changes: FieldChange[] = [];
  if (found.sha256 !== file.sha256) {
    changes.push({ field: 'sha256', from: shortDigest(found.sha256), to: shortDigest(file.sha256) });
  }
  if (found.mode !== file.mode) changes.push({ field: 'mode', from: octal(found.mode), to: octal(file.mode) });
  return changes;
}

interface ContainerOutcome {
  step?: Step;
  conflict?: Plan['conflicts'][number];
}

/**
 * | found                              | step                      |
 * |------------------------------------|---------------------------|
 * | nothing of the name                | create                    |
 * | the name, not our label            | conflict, final           |
 * | ours, another fingerprint          | replace                   |
 * | … or a CPU limit that Docker cannot change | replace           |
 * | ours, as it should be, running     | keep                      |
 * | … but started after its file drifted | replace (it runs the drifted text) |
 * | ours, as it should be, not running | change: start             |
 */
function containerStep({ want, is, because }: Pairing, c: DesiredContainer, rewritten: Set<string>): ContainerOutcome {
  const found = is.containers.find((o) => o.name === c.name);
  const step = {
    id: `containers/${want.host}/container/${c.part}`,
    host: want.host,
    kind: 'container' as const,
    part: c.part,
    target: c.name,
    expect: c.fingerprint,
    seen: found?.id,
  };
  if (!found) {
    const changes = [{ field: 'image', from: '(absent)', to: shortImage(c.image) }];
    const summary = `${want.host}: create ${c.part} ${version(c.image)}`;
    return { step: { ...step, action: 'create', summary, changes, because: ['the container is missing on the host'] } };
  }
  if (found.cluster === undefined || found.fingerprint === undefined) {
    const why = 'a container of this name exists and does not carry our label: rename or remove it by hand';
    return { conflict: { host: want.host, what: c.name, why } };
  }
  const replaced = `${want.host}: replace ${c.part} ${version(c.image)}`;
  const other =
    found.fingerprint === c.fingerprint
      ? heldLimit(because, c, found)
      : { changes: ingredientChanges(c, found), because: because.container(c, found) };
  if (other) return { step: { ...step, action: 'replace', summary: replaced, ...other } };
  if (found.state !== 'running') {
    const changes = [{ field: 'state', from: found.state, to: 'running' }];
    const why = `the container is ${found.state}${found.state === 'exited' ? ` (exit code ${found.exitCode})` : ''}`;
    return { step: { ...step, action: 'change', summary: `${want.host}: start ${c.part}`, changes, because: [why] } };
  }
  const drifted = startedOnDriftedFile(want, is, { c, found, rewritten });
  if (drifted) {
    const why = [`it was started after ${drifted} had been changed on the host`];
    return { step: { ...step, action: 'replace', summary: replaced, changes: [], because: why } };
  }
  return {};
}

function startedOnDriftedFile(
  want: DesiredHost,
  is: SeenHost,
  subject: { c: DesiredContainer; found: ObservedContainer; rewritten: Set<string> },
): string | undefined {
  if (subject.c.part === 'nginx') return undefined;
  const drifted = want.files.filter((f) => f.part === subject.c.part && subject.rewritten.has(f.path));
  return drifted.find((f) => {
    const onHost = is.files.find((o) => o.path === f.path);
    return onHost !== undefined && differsForGood(f, onHost) && subject.found.startedAt > onHost.changedAt;
  })?.path;
}

/** In more than what a running part takes: that is changed in place, whoever wrote the file. */
function differsForGood(file: DesiredFile, onHost: ObservedFile): boolean {
  const byLines = file.fixedSha256 !== undefined && onHost.fixedSha256 !== undefined;
  return byLines ? onHost.fixedSha256 !== file.fixedSha256 : onHost.sha256 !== file.sha256;
}

function ingredientChanges(c: DesiredContainer, found: ObservedContainer): FieldChange[] {
  const before = found.ingredients ?? {};
  const names = [...new Set([...Object.keys(before), ...Object.keys(c.ingredients)])].sort();
  return names.flatMap((field) => {
    const from = before[field] ?? '(absent)';
    const to = c.ingredients[field] ?? '(absent)';
    if (from === to) return [];
    if (field === 'image') {
      return [
        {
          field,
          from: `${shortImage(found.image)} (${shortDigest(from)})`,
          to: `${shortImage(c.image)} (${shortDigest(to)})`,
        },
      ];
    }
    return [{ field, from: shown(from), to: shown(to) }];
  });
}

/** NGINX says itself which configuration it runs; a written file alone proves nothing. */
function nginxReload(pairing: Pairing, containers: Step[], rewritten: Set<string>): Step | undefined {
  const { want, is } = pairing;
  const nginx = want.containers.find((c) => c.part === 'nginx');
  if (!nginx?.reloadSum || containers.some((s) => s.part === 'nginx')) return undefined;
  if (is.nginx?.runningConfig === nginx.reloadSum) return undefined;
  const from = is.nginx?.runningConfig;
  const wasRewritten = want.files.some((f) => f.part === 'nginx' && rewritten.has(f.path));
  return {
    id: `reload/${want.host}/reload/nginx`,
    host: want.host,
    kind: 'reload',
    action: 'change',
    part: 'nginx',
    target: nginx.name,
    summary: `${want.host}: reload nginx`,
    changes: [
      {
        field: 'running configuration',
        from: from ? shortDigest(from) : '(no answer)',
        to: shortDigest(nginx.reloadSum),
      },
    ],
    because: [
      wasRewritten ? 'its configuration is rewritten' : 'it runs another configuration than the file on the host',
    ],
    expect: nginx.reloadSum,
  };
}

/** Keys and certificates that nobody is to have any more. */
function leftFiles({ want, is }: Pairing): Step[] {
  const wanted = new Set(want.files.map((file) => file.path));
  const cluster = is.containers.find((c) => c.cluster !== undefined)?.cluster;
  if (cluster === undefined) return [];
  return is.files.flatMap(({ path, sha256 }): Step[] => {
    const part = wanted.has(path) ? undefined : partOfTlsFile(cluster, path);
    if (!part) return [];
    const name = path.slice(path.lastIndexOf('/') + 1);
    return [
      {
        id: `remove/${want.host}/file/${path}`,
        host: want.host,
        kind: 'file',
        action: 'remove',
        part,
        target: path,
        summary: `${want.host}: remove ${part}/${name}`,
        changes: [{ field: 'sha256', from: shortDigest(sha256), to: '(absent)' }],
        because: ['TLS does not ask for it any more'],
      },
    ];
  });
}

/** Carries our label, is not wanted any more. */
function orphanSteps(want: DesiredHost, is: SeenHost): Step[] {
  const names = new Set(want.containers.map((c) => c.name));
  return is.containers
    .filter((o) => o.cluster !== undefined && !names.has(o.name))
    .map(
      (o): Step => ({
        id: `remove/${want.host}/remove/${o.name}`,
        host: want.host,
        kind: 'remove',
        action: 'remove',
        part: o.part,
        target: o.name,
        summary: `${want.host}: remove ${o.name}`,
        changes: [{ field: 'state', from: o.state, to: '(absent)' }],
        because: ['it carries our label and nothing asks for it any more'],
        seen: o.id,
      }),
    )
    .sort((a, b) => (a.target < b.target ? -1 : 1));
}

/** Sums are cut, everything else is shown as it is. */
function shown(value: string): string {
  return /^[0-9a-f]{64}$/.test(value) ? shortDigest(value) : value;
}

export function shortDigest(digest: string): string {
  return digest.replace(/^sha256:/, '').slice(0, 8);
}

function octal(mode: number): string {
  return mode.toString(8).padStart(4, '0');
}

/** Without its registry: `kraken-origin:v0.1.27`. */
export function shortImage(reference: string): string {
  return reference.slice(reference.lastIndexOf('/') + 1);
}

function version(reference: string): string {
  const short = shortImage(reference);
  return short.includes(':') ? short.slice(short.indexOf(':') + 1) : short;
}
