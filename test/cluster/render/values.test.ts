import fc from 'fast-check';
import { parse } from 'yaml';
import { partsOf } from '../../../src/cluster/component';
import { renderFiles } from '../../../src/cluster/render/files';
import type { ClusterSpec } from '../../../src/cluster/spec';
import { tlsWalk } from '../../../src/cluster/tls/walk';
import { loadConfig } from '../../../src/config/load';
import { rightFiles } from '../../config/env-cases';
import { hostile } from '../../config/hostile';
import { exampleSpec } from '../../support/cluster';
import { runsOf, sliceOf } from '../../support/slice';

/** Rendered texts stay what they are, whatever stands in a value. */

/** Of one node: the others differ in names alone. */
function filesOf(spec: ClusterSpec): [string, string][] {
  const node = spec.nodes[0]!;
  return partsOf(spec, node).flatMap((part) =>
    Object.entries(renderFiles(spec, node, part)).map(([name, text]): [string, string] => [`${part}/${name}`, text]),
  );
}

/** With TLS, each of the states on the way to it. */
function statesOf(spec: ClusterSpec): ClusterSpec[] {
  const signer = { id: 'ca-1', kind: 'authority' as const };
  return spec.tls ? tlsWalk({ spec, recorded: {}, signer, nowMs: 0 }) : [spec];
}

function scalarsIn(value: unknown): string[] {
  if (typeof value === 'object' && value !== null) return Object.values(value).flatMap(scalarsIn);
  return [String(value)];
}

test('in YAML, each hostile text as an address is one scalar, in YAML 1.1 as in 1.2', () => {
  const yamls = (spec: ClusterSpec) => filesOf(spec).filter(([name]) => name.endsWith('.yaml'));
  const shape = (read: unknown) => JSON.stringify(read, (_, v) => (typeof v === 'object' ? v : typeof v));
  const expected = new Map(yamls(exampleSpec()).map(([name, text]) => [name, shape(parse(text))]));
  for (const payload of sliceOf(hostile.slice(0, 50))) {
    const spec = exampleSpec();
    for (const node of spec.nodes) node.address = payload;
    for (const [name, text] of yamls(spec)) {
      const read = parse(text, { version: '1.2' });
      expect(parse(text, { version: '1.1' })).toEqual(read);
      expect(shape(read)).toBe(expected.get(name));
      const carried = scalarsIn(read).filter((s) => s.includes(payload));
      expect({ name, payload, carried: carried.length > 0 }).toEqual({ name, payload, carried: true });
    }
  }
});

test('whatever a right .env says, each rendered text can be read and has the lines that it should', () => {
  const lines = (text: string) => text.split('\n').filter((line) => line.trim() !== '' && !line.trim().startsWith('#'));
  fc.assert(
    fc.property(rightFiles, ({ file }) => {
      const loaded = loadConfig({ envFile: { name: '.env', text: file } });
      if (!loaded.ok) throw new Error(JSON.stringify(loaded.mistakes));
      for (const [name, text] of statesOf(loaded.spec).flatMap(filesOf)) {
        if (name.endsWith('.yaml')) expect(parse(text, { version: '1.1' })).toEqual(parse(text, { version: '1.2' }));
        if (name === 'nginx/nginx.conf')
          for (const line of lines(text)) expect(line).toMatch(/[;{}]$|^\s*(log_format|map|'|")/);
        if (name.endsWith('redis.conf'))
          for (const line of lines(text)) expect(line).toMatch(/^[a-z-]+( ("[^"]*"|[^\s"]+))+$/);
        expect(text).not.toMatch(/undefined|NaN|\[object/);
      }
    }),
    { seed: 20261123, numRuns: runsOf(40) },
  );
});
