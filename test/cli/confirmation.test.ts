import { existsSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { putKeyboardAway, typeOnKeyboard } from '../support/keyboard';
import { type Captured, type } from './streams';

/** What destroys asks a person, or is told `--yes`; where neither is, nothing is contacted and nothing is changed. */

let folder: string;
let shown: string;

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'krakenctl-confirm-'));
  shown = '';
  jest.spyOn(process.stderr, 'write').mockImplementation((text) => {
    shown += text;
    return true;
  });
  const nodes = [1, 2, 3].map((n) => `CLUSTER_NODE_${n}=10.0.1.${n}`);
  writeFileSync(join(folder, '.env'), [...nodes, 'KRAKEN_IMAGE_REGISTRY=images.example', ''].join('\n'));
});
afterEach(() => {
  jest.restoreAllMocks();
  putKeyboardAway();
  rmSync(folder, { recursive: true });
});

interface Typing {
  /** Typed by a person on a terminal; without it there is none. */
  typed?: string;
  environment?: Record<string, string>;
}

function run(words: string, { typed, environment }: Typing = {}): Promise<Captured> {
  if (typed !== undefined) typeOnKeyboard(typed);
  return type([...words.split(' '), '--env-file', join(folder, '.env')], {
    interactive: typed !== undefined,
    environment: { KRAKENCTL_STATE_DIR: folder, ...environment },
  });
}

describe('temporal down --purge', () => {
  const data = () => join(folder, 'temporal.db');
  beforeEach(() => writeFileSync(data(), ''));

  test.each<[string, string, Typing]>([
    ['nobody is there', 'temporal down --purge', {}],
    ['a program reads the answer', 'temporal down --purge --json', { typed: 'histories' }],
    ['CI is nobody', 'temporal down --purge', { typed: 'histories', environment: { CI: 'true' } }],
  ])('%s and --yes is not said: exit 2 at once, nothing is gone', async (_, words, typing) => {
    const { code, out, err } = await run(words, typing);
    const said = words.includes('--json') ? JSON.parse(out).error : err;
    expect([code, shown]).toEqual([2, '']);
    expect(JSON.stringify(said)).toMatch(/CONFIRMATION_NEEDED.*histories of all operations.*nothing was done.*--yes/s);
    expect(existsSync(data())).toBe(true);
  });

  test.each([
    ['y', 1, true],
    ['', 1, true],
    ['histories', 0, false],
  ])('a person types %j: exit %d, data kept: %j', async (typed, code, kept) => {
    const answer = await run('temporal down --purge', { typed });
    expect(shown).toContain('type histories to remove the histories of all operations');
    expect(answer.code).toBe(code);
    if (kept) expect(answer.err).toContain('nothing was done');
    expect(existsSync(data())).toBe(kept);
  });

  test('--yes asks nothing, and stopping without --purge loses nothing', async () => {
    expect(await run('temporal down')).toMatchObject({ code: 0, out: expect.stringContaining('its data kept') });
    expect(existsSync(data())).toBe(true);
    expect(await run('temporal down --purge --yes', { environment: { CI: 'true' } })).toMatchObject({ code: 0 });
    expect([existsSync(data()), shown]).toEqual([false, '']);
  });
});

describe('agent remove', () => {
  test.each([
    ['agent remove --all', 'remove every agent of cluster cluster'],
    ['agent remove 10.0.2.1 10.0.2.2', 'remove the agents of 2 VMs'],
    ['agent remove --retry-failed agents-3', 'remove the agents that agents-3 left'],
  ])('%s, nobody is there and --yes is not said: exit 2 before anything is contacted', async (words, text) => {
    expect(await run(words)).toMatchObject({ code: 2, err: expect.stringContaining('CONFIRMATION_NEEDED') });
    expect((await run(words)).err).toMatch(new RegExp(`to ${text}.*--yes`, 's'));
    // Nobody listens at the address of Temporal.
    expect(await run(`${words} --yes`)).toMatchObject({ code: 7 });
  });

  test('what is forgotten loses nothing, so nobody has to agree', async () => {
    expect(await run('agent remove 10.0.2.1 --forget')).toMatchObject({ code: 7 });
  });
});
