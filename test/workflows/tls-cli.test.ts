import { appendFileSync, readFileSync, writeFileSync } from 'node:fs';
import { CommandLine } from '../support/command-line';
import { isLong } from '../support/long';
import { misunderstandings } from '../support/memory-tls';
import { quietRuntime } from '../support/temporal';

/** One command takes a cluster with agents to TLS, and one back: the deploy, the agents, and the rest of the deploy. */

let line: CommandLine;

beforeAll(() => quietRuntime());
beforeEach(async () => {
  line = new CommandLine('tls-cli');
  await line.startWorker(undefined, undefined, { settledMs: 0, agentPatienceMs: 700, betweenLooksMs: 20 });
});
afterEach(() => line.close());

const run = (words: string) => line.run(words);
const believed = (vm: string) => {
  const { believed: all, running } = line.lab.machine(vm).agentState;
  return all.has(running!);
};

test('deploy takes a cluster with agents all the way, and says what it waits for meanwhile', async () => {
  appendFileSync(line.envFile, '\nROLLOUT_BAKE=0s\n');
  expect((await run('deploy')).code).toBe(0);
  expect((await run('agent deploy 10.0.2.1 10.0.2.2')).code).toBe(0);
  const wrong = new Set<string>();
  line.lab.hook = (moment) => {
    if (moment === 'after') for (const text of misunderstandings(line.lab)) wrong.add(text);
  };
  appendFileSync(line.envFile, '\nENABLE_TLS=true\n');
  const held = await run('deploy --no-agents');
  expect(held).toMatchObject({ code: 0, out: expect.stringContaining('TLS: accept → bus → speak') });
  expect(held.out).toContain('TLS goes on when 2 agents have followed: require');
  expect(held.out).toContain('TLS goes on to require with the next krakenctl deploy without --no-agents');
  expect(believed('10.0.2.1')).toBe(false);
  const planned = await run('plan');
  expect(planned.code).toBe(3);
  expect(planned.out).toContain('TLS: this leads to no other state; require follow');
  expect(planned.out).toContain('2 agents come along on the way');
  line.lab.machine('10.0.2.2').isOn = false;
  const stopped = await run('deploy');
  expect(stopped.code).toBe(1);
  expect(stopped.out).toContain('before require follow 2 agents');
  expect(stopped.out).toContain('TLS does not go on to require, and stays as it is, where everybody is understood');
  const done = await run('deploy --max-failures 1');
  expect(done.out).toMatch(/before require follow 2 agents[\s\S]*10\.0\.2\.2[\s\S]*deploy-/);
  expect(done.code).toBe(5);
  expect(believed('10.0.2.1')).toBe(true);
  expect((await run('tls status')).out).toContain('TLS require');
  expect([...wrong].filter((text) => !text.includes('10.0.2.2'))).toEqual([]);
  // The way back, without the words of the command: tls-agents.test.ts.
  if (!isLong) return;
  line.lab.machine('10.0.2.2').isOn = true;
  writeFileSync(line.envFile, readFileSync(line.envFile, 'utf8').replace('ENABLE_TLS=true', ''));
  const back = await run('deploy');
  expect(back).toMatchObject({ code: 0, out: expect.stringContaining('before off follow 2 agents') });
  expect([believed('10.0.2.1'), believed('10.0.2.2')]).toEqual([false, false]);
  expect([...wrong].filter((text) => !text.includes('10.0.2.2'))).toEqual([]);
  expect((await run('deploy')).out).toContain('nothing to change');
});
