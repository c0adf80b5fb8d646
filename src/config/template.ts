import { writeEnvValue } from './env-value';
import { type KeyDefinition, type Section, sections } from './key';
import { findKey, keyNames, keys, nodeKey, nodeKeyName, nodeNumber } from './keys';

/** `.env.template` and the `.env` of `init`: the table of keys as a file that a person edits. */

const head = `# Configuration of one Kraken cluster for krakenctl.
#
# Every key is here, with its reason, its default and what it may be. A key whose line begins with # is not set: its default
# holds. Remove the # to set it. "krakenctl config show --origin" says what holds and who said so; a flag wins over the
# environment, the environment over this file. "krakenctl check" finds all mistakes at once.
#
# One KEY=value a line, without blanks around the =. Values with blanks stand in quotes. Nothing is expanded or executed.
# Sizes: 512m, 512mb, 2g (by 1024). Durations: 30s, 5m, 6h. Paths begin with / or ~/.
`;

/** The file for these values; whatever is not among them is a comment with its default, required keys have examples. */
export function renderEnv(values: Record<string, string> = {}): string {
  const stranger = Object.keys(values).find((name) => !findKey(name));
  if (stranger !== undefined) throw new RangeError(`no key ${stranger}`);
  const blocks = (Object.keys(sections) as Section[]).flatMap((section) => renderSection(section, values));
  return `${[head, ...blocks].join('\n')}`;
}

export function renderTemplate(): string {
  return renderEnv();
}

function renderSection(section: Section, values: Record<string, string>): string[] {
  const names = keyNames.filter((name) => keys[name].section === section);
  const title = `# ----- ${sections[section]} -----\n`;
  const nodes = section === 'cluster' ? [renderNodes(values)] : [];
  return [title, ...nodes, ...names.map((name) => `${renderAbout(keys[name])}${renderLine(name, values)}\n`)];
}

function renderNodes(values: Record<string, string>): string {
  const given = Object.keys(values).filter((name) => nodeNumber(name) !== undefined);
  const examples = ['10.0.1.10', '10.0.1.11', '10.0.1.12'];
  const numbers = given.length > 0 ? given.map((name) => nodeNumber(name)!).sort((a, b) => a - b) : [1, 2, 3];
  const lines = numbers.map((number) => {
    const name = nodeKeyName(number);
    return `${name}=${writeEnvValue(values[name] ?? examples[number - 1]!)}\n`;
  });
  return `${renderAbout(nodeKey)}${lines.join('')}`;
}

function renderAbout(definition: KeyDefinition): string {
  const { why, range, status } = definition;
  const notYet = status === 'built' ? '' : `# Not yet: ${status.notYet}; ${explainNotYet(status.as)}.\n`;
  return `# ${why}\n# ${describeDefault(definition)} Expected: ${range}.\n${notYet}`;
}

export function describeDefault({ required, default: text, absent }: KeyDefinition): string {
  if (required) return 'Required.';
  return `Default: ${text ?? absent}.`;
}

export function explainNotYet(as: 'switch' | 'companion'): string {
  return as === 'switch' ? 'another value is refused' : 'it is checked and not used';
}

function renderLine(name: string, values: Record<string, string>): string {
  const definition = findKey(name)!;
  const text = values[name] ?? definition.default ?? definition.example!;
  const active = values[name] !== undefined || definition.required || isSwitchedOff(definition);
  return `${active ? '' : '#'}${name}=${writeEnvValue(text)}`;
}

/** Switches of what is not built are written out, so that nobody believes they are on. */
function isSwitchedOff({ status, default: text }: KeyDefinition): boolean {
  return status !== 'built' && status.as === 'switch' && text === 'false';
}
