import { appendFileSync } from 'node:fs';
import { CommandLine } from '../support/command-line';
import { quietRuntime } from '../support/temporal';

let line: CommandLine;

beforeAll(() => quietRuntime());
beforeEach(() => {
  line = new CommandLine('steward');
  line.lab.now = () => Date.now() + line.laterMs;
});
afterEach(() => line.close());

const day = 86_400_000;
const run = (words: string) => line.run(words);
const json = (words: string) => line.json(words);
const codes = ({ data, error }: { data?: { findings: { code: string }[] }; error?: { data?: typeof data } }) =>
  (data ?? error?.data)!.findings.map(({ code }) => code).filter((code) => /STEWARD|CERT/.test(code));

test('tls schedule shows, pauses and resumes the steward, and tls status, status and check say so', async () => {
  await line.startWorker();
  appendFileSync(line.envFile, '\nENABLE_TLS=true\nROLLOUT_BAKE=0s\n');
  expect(await json('tls schedule show')).toMatchObject({ error: { code: 'NO_STEWARD' } });
  expect((await run('tls schedule pause')).code).toBe(1);
  expect(codes(await json('check'))).toEqual([]);
  expect((await run('deploy')).code).toBe(0);
  const shown = await json('tls schedule show');
  expect(shown.data).toMatchObject({
    schedule: `kraken-${line.cluster}-certificates`,
    steward: { state: 'works', everyMs: day / 2, next: expect.stringMatching(/Z$/) },
  });
  expect((await run('tls schedule pause --reason audit')).out).toMatch(
    /paused by \S+: audit; krakenctl tls schedule resume/,
  );
  expect(await json('tls status')).toMatchObject({ data: { pending: false, steward: { state: 'paused' } } });
  expect((await run('tls status')).out).toMatch(/! steward {2}paused by \S+: audit/);
  expect(codes(await json('status'))).toEqual(['STEWARD_PAUSED']);
  expect(codes(await json('check'))).toEqual(['STEWARD_PAUSED']);
  expect((await run('tls schedule resume')).out).toMatch(/ steward {2}every 12h00m · next /);
  expect(codes(await json('status'))).toEqual([]);
  // Nobody looks ahead for a cluster without one.
  await line.dropSteward();
  line.laterMs = 62 * day;
  expect(codes(await json('check'))).toEqual(['CERTIFICATES_DUE', 'STEWARD_MISSING']);
  expect((await run('tls status')).out).toContain('! steward  there is none');
});

test('tls schedule trigger takes a turn now, and tls status tells what came of it', async () => {
  await line.startWorker();
  appendFileSync(line.envFile, '\nENABLE_TLS=true\nROLLOUT_BAKE=0s\n');
  await run('deploy');
  const last = async () => (await json('tls schedule show')).data?.steward.last;
  expect(await last()).toBeUndefined();
  line.laterMs = 365 * day;
  expect((await run('tls schedule trigger')).out).toContain('what comes of it: krakenctl tls status');
  for (const deadline = Date.now() + 60_000; Date.now() < deadline; ) {
    if ((await last())?.state === 'done') break;
    await new Promise((resolve) => setTimeout(resolve, 300));
  }
  expect(await last()).toMatchObject({ state: 'done', report: { did: 'rotated' } });
  expect((await run('tls status')).out).toContain('rotate-1: 24 ports show the new certificates');
  expect((await run('op list')).out).toMatch(/rotate-1.*certificate steward/);
});
