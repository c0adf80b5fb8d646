import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { nouns } from '../../src/cli/nouns';
import type { KeyDefinition } from '../../src/config/key';
import { findKey } from '../../src/config/keys';
import { seedCommands, seedKeys, seedPaths, seedPorts } from './seed-text';

/** Everything that the seed promises by name is in docs/from-the-scripts.md: with a test that shows it, or what it waits for. */

const root = join(__dirname, '..', '..');
const text = readFileSync(join(root, 'docs', 'from-the-scripts.md'), 'utf8');

/** What can be waited for, with the issue that builds it. */
const topics: Record<string, number> = {
  'TLS, authentication and firewall': 7,
  'health and recovery': 8,
  backups: 9,
  'dashboard, performance and maintenance': 10,
};

interface Row {
  items: string[];
  now: string;
  state: string;
}

const rows: Row[] = text.split('\n').flatMap((line) => {
  const cells = line.split(/(?<!\\)\|/).map((cell) => cell.trim());
  if (cells.length !== 5 || /^-+$/.test(cells[1]!) || cells[3] === 'state') return [];
  const items = [...cells[1]!.matchAll(/`([^`]+)`/g)].map(([, item]) => item!.replaceAll('\\|', '|'));
  return [{ items, now: cells[2]!, state: cells[3]! }];
});

test('the seed text is read: a changed extraction shows here first', () => {
  const counts = {
    commands: seedCommands.length,
    ports: seedPorts.length,
    paths: seedPaths.length,
    keys: seedKeys.length,
  };
  expect(counts).toEqual({ commands: 40, ports: 7, paths: 8, keys: 18 });
});

test.each([...seedCommands, ...seedPorts, ...seedPaths, ...seedKeys])('%s of the seed has one line', (item) => {
  expect(rows.filter(({ items }) => items.includes(item))).toHaveLength(1);
});

test('no line is about something that the seed does not have', () => {
  const known = new Set([...seedCommands, ...seedPorts, ...seedPaths, ...seedKeys]);
  expect(rows.flatMap(({ items }) => items).filter((item) => !known.has(item))).toEqual([]);
});

test.each(rows)('$items works with a test that exists, or names what it waits for', ({ state }) => {
  const waiting = /^○ waits for: (.+)$/.exec(state);
  if (waiting) return expect(Object.keys(topics)).toContain(waiting[1]);
  const shown = /^● `(test\/[\w/.-]+\.test\.ts)` "(.+)"$/.exec(state);
  expect(shown).not.toBeNull();
  const [, file, title] = shown!;
  expect(existsSync(join(root, file!))).toBe(true);
  expect(titlesIn(readFileSync(join(root, file!), 'utf8'))).toContainEqual(expect.stringContaining(title!));
});

/** Titles of tests; a mention in a comment shows nothing. */
function titlesIn(source: string): string[] {
  return [...source.matchAll(/(?:\b(?:test|it)|\))\(\s*(['"`])((?:\\.|(?!\1).)*)\1/g)].map(([, , title]) => title!);
}

test('a key works here exactly when the table of keys says that it is built', () => {
  for (const { items, state } of rows) {
    for (const key of items.filter((item) => seedKeys.includes(item))) {
      const { status }: KeyDefinition = findKey(key)!;
      expect([key, state.startsWith('●')]).toEqual([key, status === 'built']);
    }
  }
});

test('every krakenctl command that it names exists', () => {
  const named = [...text.matchAll(/`krakenctl (\w+)/g)].map(([, noun]) => noun!);
  expect(named.length).toBeGreaterThan(10);
  expect(named.filter((noun) => !Object.hasOwn(nouns, noun))).toEqual([]);
});
