import { type ClusterSpec, type PartName, partNames } from '../cluster/spec';
import { CliFailure } from './failure';

/** What of an answer is shown. A filter is for reading: it changes neither what is looked at nor what comes of it. */
export interface Filter {
  hosts: string[];
  parts: PartName[];
}

export interface FilterOptions {
  hosts?: string;
  roles?: string;
}

export const hostsOption = ['--hosts <names>', 'show these nodes alone: node-1,node-3'] as const;
export const rolesOption = ['--roles <parts>', 'show these parts alone: origin,tracker'] as const;

/** Everything where nothing is said. @throws {CliFailure} USAGE for a name that there is not. */
export function readFilter(spec: ClusterSpec, { hosts, roles }: FilterOptions): Filter {
  const nodes = spec.nodes.map(({ id }) => id);
  return {
    hosts: pick(hosts, { option: '--hosts', known: nodes }),
    parts: pick(roles, { option: '--roles', known: [...partNames] }),
  };
}

/** In the order of what there is, each once. */
function pick<T extends string>(text: string | undefined, { option, known }: { option: string; known: T[] }): T[] {
  if (text === undefined) return known;
  const names = text.split(',').map((name) => name.trim());
  const wrong = names.find((name) => !known.some((k) => k === name));
  if (wrong === undefined) return known.filter((name) => names.includes(name));
  throw new CliFailure(
    'USAGE',
    `${option} ${text}: there is no ${wrong || 'empty name'}; expected one or more of ${known.join(',')}`,
  );
}

/** What concerns no host or no part concerns all of them. */
export function isShown({ hosts, parts }: Filter, about: { host?: string; part?: PartName }): boolean {
  const { host, part } = about;
  return (host === undefined || hosts.includes(host)) && (part === undefined || parts.includes(part));
}

/** `2 findings of other nodes or parts are not shown`; nothing where all are. */
export function describeHidden(count: number, of: string): string[] {
  if (count === 0) return [];
  return [
    ` i ${count === 1 ? '1 finding' : `${count} findings`} of other ${of} ${count === 1 ? 'is' : 'are'} not shown`,
  ];
}
