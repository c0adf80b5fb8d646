import { mkdtempSync, readdirSync, rmSync, utimesSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { KeptCode } from '../../src/workers/kept-code';
import { buildIdOf } from '../../src/workers/workflow-code';

let folder: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'krakenctl-kept-'));
});
afterEach(() => rmSync(folder, { recursive: true }));

const release = (version: string) => ({ version, worker: 'w' });
const codeOf = (code: string) => ({ code, buildId: buildIdOf(code) });
const at = (namespace: string) => new KeptCode(folder, { address: '127.0.0.1:7233', namespace });

test('a build id names the code, not the machine that built it', () => {
  const map = (text: string) => `\n//# sourceMappingURL=data:application/json;base64,${text}`;
  expect(buildIdOf(`a${map('x')}`)).toBe(buildIdOf(`a${map('y')}`));
  expect(buildIdOf(`a${map('x')}`)).toBe(buildIdOf('a'));
  expect(buildIdOf('a')).not.toBe(buildIdOf('b'));
  expect(buildIdOf('a')).toMatch(/^[0-9a-f]{12}$/);
});

test('what is kept is given back as it was; what is not what its name says is not', () => {
  const kept = at('default');
  const code = codeOf('const a = 1;');
  expect(kept.load(code.buildId)).toBeUndefined();
  kept.keep(code, release('1.0.0'));
  kept.keep(code, release('1.0.0'));
  expect(kept.load(code.buildId)).toEqual(code);
  expect(kept.list()).toEqual([code.buildId]);
  writeFileSync(join(folder, 'workflow-code', code.buildId, 'bundle.js'), 'const a = 2;');
  expect(kept.load(code.buildId)).toBeUndefined();
});

test('of two releases with the same workflows the newer one is noted', () => {
  const kept = at('default');
  const code = codeOf('a');
  for (const version of ['1.0.0', '1.2.0', '1.1.0']) kept.keep(code, release(version));
  expect(kept.releaseOf(code.buildId)).toEqual(release('1.2.0'));
});

test('code that another Temporal may need is not dropped, and goes with the last that may', () => {
  const code = codeOf('a');
  at('one').keep(code, release('1.0.0'));
  at('two').keep(code, release('1.0.0'));
  at('one').drop(code.buildId);
  at('three').drop(code.buildId);
  expect(at('one').load(code.buildId)).toEqual(code);
  at('two').drop(code.buildId);
  expect(readdirSync(join(folder, 'workflow-code'))).toEqual([]);
});

test('code that was kept this moment is young, until its worker has had time to ask for work', () => {
  const kept = at('default');
  const code = codeOf('a');
  kept.keep(code, release('1.0.0'));
  expect(kept.isYoung(code.buildId)).toBe(true);
  const [mark] = readdirSync(join(folder, 'workflow-code', code.buildId)).filter((name) => name.startsWith('used-'));
  const hourAgo = new Date(Date.now() - 3_600_000);
  utimesSync(join(folder, 'workflow-code', code.buildId, mark!), hourAgo, hourAgo);
  expect(kept.isYoung(code.buildId)).toBe(false);
});
