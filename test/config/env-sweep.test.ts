import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import { type } from '../cli/streams';
import { isSlice, runsOf } from '../support/slice';
import { fieldNames, rightFiles, rightTexts, wrongFiles } from './env-cases';
import { judgeCommand, judgeRight, judgeWrong } from './env-judgement';

/** A slice of `npm run campaign:env`, the same on each run. */
const seed = 20261123;

test('each of 1,600 generated files with one wrong field is one mistake that names key, line, value and expectation', () => {
  const seen = new Set<string>();
  fc.assert(
    fc.property(wrongFiles, (wrong) => {
      seen.add(wrong.key);
      expect(judgeWrong(wrong)).toEqual([]);
    }),
    { seed, numRuns: runsOf(1600) },
  );
  // Nothing of the table is left out, unless a slice alone is taken.
  const least = isSlice ? fieldNames.length / 2 : fieldNames.length;
  expect(fieldNames.filter((name) => seen.has(name)).length).toBeGreaterThanOrEqual(least);
});

test('each of 300 right files in any spelling means what its canonical rewriting means', () => {
  fc.assert(
    fc.property(rightFiles, (right) => expect(judgeRight(right)).toEqual([])),
    { seed, numRuns: runsOf(300) },
  );
});

test('most keys have a right text besides their default, so that a right file is not always the same', () => {
  expect(Object.values(rightTexts).filter((texts) => texts.length > 1).length).toBeGreaterThan(40);
});

test('100 of the wrong ones through the command: exit 2, one mistake, no stack', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'krakenctl-sweep-'));
  const path = join(folder, '.env');
  try {
    for (const wrong of fc.sample(wrongFiles, { seed, numRuns: runsOf(100) })) {
      writeFileSync(path, wrong.file);
      const captured = await type(['check', '--offline', '--env-file', path]);
      expect({ wrong, faults: judgeCommand(wrong, path, captured) }).toEqual({ wrong, faults: [] });
    }
  } finally {
    rmSync(folder, { recursive: true });
  }
});

test.each([
  ['accepted', { key: 'ORIGIN_PORT', text: '8080', file: 'ORIGIN_PORT=8080\n', line: 1 }],
  ['another line', { key: 'ORIGIN_PORT', text: 'x', file: '\nORIGIN_PORT=x\n', line: 1 }],
  ['another key', { key: 'PROXY_PORT', text: 'x', file: 'ORIGIN_PORT=x\n', line: 1 }],
])('the judge itself finds what is judged wrongly: %s', (_, { file, ...rest }) => {
  const least =
    'CLUSTER_NODE_1=10.0.1.10\nCLUSTER_NODE_2=10.0.1.11\nCLUSTER_NODE_3=10.0.1.12\nKRAKEN_IMAGE_REGISTRY=a.test\n';
  expect(judgeWrong({ ...rest, file: `${file}${least}` })).not.toEqual([]);
});
