import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { parseEnvFile } from '../../src/config/env-file';
import type { KeyDefinition } from '../../src/config/key';
import { keyNames, keys } from '../../src/config/keys';
import { loadConfig } from '../../src/config/load';
import { renderManual } from '../../src/config/manual';
import { isSecretName } from '../../src/config/printing';
import { renderEnv, renderTemplate } from '../../src/config/template';
import { leastEnv } from './samples';

const root = join(__dirname, '..', '..');

describe('the table, the template and the manual agree', () => {
  test.each([
    ['.env.template', renderTemplate],
    ['docs/configuration.md', renderManual],
  ])('%s is what the table renders', (file, render) => {
    const path = join(root, file);
    if (process.env.KRAKENCTL_WRITE_DOCS) writeFileSync(path, render());
    // Not equal? KRAKENCTL_WRITE_DOCS=1 npx jest test/config/template.test.ts writes both.
    expect(readFileSync(path, 'utf8')).toBe(render());
  });

  test('the template as it stands is a valid configuration', () => {
    expect(loadConfig({ envFile: { name: '.env', text: renderTemplate() } })).toMatchObject({
      ok: true,
      warnings: [{ key: 'KRAKEN_IMAGE_REGISTRY', message: expect.stringContaining('example') }],
    });
  });

  test('the template sets nothing but what is required, and what is off', () => {
    const { entries } = parseEnvFile(renderTemplate(), '.env.template');
    const set = entries.map(({ key }) => key).filter((key) => !key.startsWith('CLUSTER_NODE_'));
    expect(set).toEqual(['KRAKEN_IMAGE_REGISTRY', 'RECOVERY_ENABLED', 'AUTO_BACKUP']);
  });

  test('with every # removed it names each key once, and each default says what holds anyway', () => {
    const { entries, mistakes } = parseEnvFile(uncomment(renderTemplate()), '.env');
    expect(mistakes).toEqual([]);
    const names = entries.map(({ key }) => key).filter((key) => !key.startsWith('CLUSTER_NODE_'));
    expect(names.toSorted()).toEqual(keyNames.toSorted());
    const defaults = entries.filter(({ key }) => key.startsWith('CLUSTER_NODE_') || hasDefault(key));
    const text = defaults.map(({ key, value }) => `${key}='${value}'\n`).join('');
    const spelled = loadConfig({
      envFile: { name: '.env', text: `${text}KRAKEN_IMAGE_REGISTRY=registry.example.com/kraken\n` },
    });
    const silent = loadConfig({ envFile: { name: '.env', text: renderTemplate() } });
    expect(spelled.ok && spelled.spec).toEqual(silent.ok && silent.spec);
  });

  test('every example is a value of its key', () => {
    for (const name of keyNames) {
      const { example, schema }: KeyDefinition = keys[name];
      if (example !== undefined) expect([name, schema.safeParse(example).success]).toEqual([name, true]);
    }
  });

  test('every key has one line of why, a default or what holds without it, and an expectation', () => {
    for (const name of keyNames) {
      const definition: KeyDefinition = keys[name];
      expect(definition.why).toMatch(/^[A-Z].*\.$|^pull:.*\.$/);
      expect(definition.range).not.toMatch(/\.$|\n/);
      if (!definition.required) expect([name, definition.default ?? definition.absent]).not.toContain(undefined);
      if (definition.default === undefined) expect([name, definition.example]).not.toContain(undefined);
    }
  });

  test('every secret is one by its name too, so that the parser redacts it in a line it cannot read', () => {
    for (const name of keyNames) {
      const { secret }: KeyDefinition = keys[name];
      expect([name, isSecretName(name)]).toEqual([name, secret === true]);
    }
  });
});

describe('renderEnv', () => {
  test('writes given values where the template has their comments, and they load', () => {
    const values = {
      ...leastEnv,
      CLUSTER_NODE_4: 'ana@node-4.example.com:2222',
      REDIS_MAXMEMORY: '128mb',
      CLUSTER_NAME: 'demo',
    };
    const text = renderEnv(values);
    const loaded = loadConfig({ envFile: { name: '.env', text } });
    expect(loaded).toMatchObject({ ok: true, spec: { name: 'demo', redis: { maxmemoryBytes: 128 * 2 ** 20 } } });
    expect(loaded.ok && loaded.spec.nodes[3]).toMatchObject({ ssh: { user: 'ana', port: 2222 } });
    expect(text.split('\n').length).toBe(renderTemplate().split('\n').length + 1);
  });

  test('refuses a name that is no key, which is a fault of the caller', () => {
    expect(() => renderEnv({ ORIGIN_PROT: '1' })).toThrow('ORIGIN_PROT');
  });
});

function uncomment(text: string): string {
  return text.replace(/^#(?=[A-Z])/gm, '');
}

function hasDefault(name: string): boolean {
  const definition: KeyDefinition | undefined = keys[name as keyof typeof keys];
  return definition?.default !== undefined;
}
