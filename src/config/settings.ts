import type { KeyDefinition } from './key';
import { keyNames, keys, nodeKey } from './keys';
import type { Warning } from './mistakes';
import { printValue } from './printing';
import type { Resolved } from './resolve';
import type { Gathered, Given } from './sources';

/** What `config show --origin` prints: every key, its value and who said so. */

export interface Setting {
  /** As text; `[redacted]` for secrets; null when nothing is set and there is no default. */
  value: string | null;
  /** `flag`, `environment`, `.env:14` or `default`. */
  origin: string;
  /** False for what is accepted for later and does nothing yet. */
  inUse: boolean;
  note?: string;
}

export type Settings = Record<string, Setting>;

export function describeSettings({ given }: Gathered, { nodes }: Resolved): Settings {
  const entries: [string, KeyDefinition][] = [
    ...nodes.map(({ key }): [string, KeyDefinition] => [key, nodeKey]),
    ...keyNames.map((name): [string, KeyDefinition] => [name, keys[name]]),
  ];
  const settings = Object.fromEntries(entries.map(([key, d]) => [key, describeSetting(key, d, given.get(key))]));
  const loadBalancers = settings.LB_NODES!;
  if (loadBalancers.value === null) loadBalancers.value = nodes.map(({ id }) => id).join(',');
  return settings;
}

function describeSetting(key: string, definition: KeyDefinition, given: Given | undefined): Setting {
  const text = given?.text ?? definition.default;
  const value = text === undefined ? null : printValue(key, text);
  const origin = given === undefined ? 'default' : nameOrigin(given);
  const setting: Setting = { value, origin, inUse: definition.status === 'built' };
  const note = describeNote(definition, given);
  return note === undefined ? setting : { ...setting, note };
}

export function nameOrigin({ file, line }: Given): string {
  return line === undefined ? file : `${file}:${line}`;
}

function describeNote({ status, absent }: KeyDefinition, given: Given | undefined): string | undefined {
  if (status !== 'built') return `not in use: ${status.notYet}`;
  return given === undefined ? absent : undefined;
}

/** What was set for later is said aloud, one line for each reason. */
export function findUnusedWarnings({ given }: Gathered): Warning[] {
  const byReason = new Map<string, string[]>();
  for (const name of keyNames) {
    const { status }: KeyDefinition = keys[name];
    if (status === 'built' || status.as !== 'companion' || !given.has(name)) continue;
    byReason.set(status.notYet, [...(byReason.get(status.notYet) ?? []), name]);
  }
  return [...byReason].map(([reason, names]) => ({
    key: names[0]!,
    message: `not in use: ${names.join(', ')} (${reason})`,
  }));
}
