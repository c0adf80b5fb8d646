import { existsSync } from 'node:fs';
import { writeEnvValue } from '../../src/config/env-value';
import type { KeyDefinition } from '../../src/config/key';
import { keyNames, keys } from '../../src/config/keys';
import { loadConfig } from '../../src/config/load';
import { renderEnv } from '../../src/config/template';
import { sliceOf } from '../support/slice';
import { hostile } from './hostile';
import { leastEnv, leastText } from './samples';

/** Whatever stands in a field, what comes out of it means the same to a shell, a URL, a path and a configuration file. */

/** All that any text of a spec may consist of. */
const harmless = /^[A-Za-z0-9._@+=,:/~-]*$/;

test('there are 300 hostile strings', () => {
  expect(new Set(hostile).size).toBe(300);
});

/** Keys whose value is a text; a number has no room for anything but digits. */
const textKeys = keyNames.filter((name) => {
  const { default: text, example, schema }: KeyDefinition = keys[name];
  return !['number', 'boolean'].includes(typeof schema.parse(text ?? example!));
});

test.each([...textKeys, 'CLUSTER_NODE_2'].map((key, at) => [key, at] as const))(
  'nothing hostile passes %s into a spec',
  (key, at) => {
    const faults: unknown[] = [];
    for (const text of sliceOf(hostile, at)) {
      const asFlag = loadConfig({ environment: { ...leastEnv, IMAGE_SOURCE: 'load' }, flags: { [key]: text } });
      const asLine = loadConfig({
        envFile: { name: '.env', text: leastText.replace(new RegExp(`^${key}=.*\n`, 'm'), '') + lineOf(key, text) },
      });
      for (const loaded of [asFlag, asLine]) {
        const said = loaded.ok ? '' : JSON.stringify(loaded.mistakes);
        const harmful = loaded.ok ? stringsIn([loaded.spec, loaded.logDir, loaded.metricsDir]).filter(isHarmful) : [];
        if (harmful.length > 0 || /[\u0000-\u001f\u202e\u200b\u2028]/.test(said)) faults.push({ text, harmful, said });
      }
    }
    // Once: an expectation for each of 18,000 takes longer than what is looked at.
    expect(faults).toEqual([]);
    expect(existsSync('canary')).toBe(false);
  },
);

test('nothing hostile that init is given becomes a second setting', () => {
  for (const text of hostile) {
    const loaded = loadConfig({ envFile: { name: '.env', text: renderEnv({ ...leastEnv, SSH_USER: text }) } });
    if (loaded.ok) expect(stringsIn(loaded.spec).filter(isHarmful)).toEqual([]);
  }
});

function lineOf(key: string, text: string): string {
  return `${key}=${writeEnvValue(text)}\n`;
}

/** What a shell, an option parser or a path would read otherwise. */
function isHarmful(value: string): boolean {
  return !harmless.test(value) || value.split('/').includes('..') || value.startsWith('-');
}

test('what is looked for is found', () => {
  expect(['a/../b', '..', '-rf', 'a b', '$(id)', 'a\nb'].every(isHarmful)).toBe(true);
  expect(['10.0.1.1', 'a..b', 'images.example/kraken:v1', ''].some(isHarmful)).toBe(false);
});

function stringsIn(value: unknown): string[] {
  if (typeof value === 'string') return [value];
  return typeof value === 'object' && value !== null ? Object.values(value).flatMap(stringsIn) : [];
}
