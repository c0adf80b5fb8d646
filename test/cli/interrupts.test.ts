import type { Context } from '../../src/cli/context';
import { offerHold } from '../../src/cli/hold-offer';
import { ProcessInterrupts } from '../../src/cli/interrupts';
import { Output } from '../../src/cli/output';
import type { OperationProgress } from '../../src/contracts/operation';
import { captureStreams } from './streams';

const listen = (interrupts: ProcessInterrupts) => interrupts.signal.addEventListener('abort', () => undefined);

describe('an interrupt', () => {
  test('is obeyed at once where nobody listens', () => {
    expect(new ProcessInterrupts().receive('SIGINT')).toBe(true);
  });

  test('asks those who listen the first time, and is obeyed at once the second time', () => {
    const interrupts = new ProcessInterrupts();
    listen(interrupts);
    expect(interrupts.receive('SIGINT')).toBe(false);
    expect(interrupts.signal.aborted).toBe(true);
    expect(interrupts.receive('SIGINT')).toBe(true);
  });

  test('that is waited for is an answer; the one after it is obeyed', async () => {
    const interrupts = new ProcessInterrupts();
    listen(interrupts);
    interrupts.receive('SIGINT');
    const again = interrupts.again(60_000);
    expect(interrupts.receive('SIGTERM')).toBe(true);
    expect(interrupts.receive('SIGINT')).toBe(false);
    expect(await again).toBe(true);
    expect(interrupts.receive('SIGINT')).toBe(true);
  });

  test('that does not come in time is none', async () => {
    const interrupts = new ProcessInterrupts();
    listen(interrupts);
    interrupts.receive('SIGINT');
    expect(await interrupts.again(1)).toBe(false);
    expect(interrupts.receive('SIGINT')).toBe(true);
  });

  test('of the system is not followed by a question', async () => {
    const interrupts = new ProcessInterrupts();
    listen(interrupts);
    interrupts.receive('SIGTERM');
    expect(await interrupts.again(60_000)).toBe(false);
  });
});

describe('the offer to hold what goes on', () => {
  const run = { id: '20261123-043035-deploy-00ff', name: 'deploy-3', verb: 'deploy', workflowId: 'w', runId: 'r' };
  const progress = { state: 'running', canHold: true } as OperationProgress;

  async function offer({ again = true, answer = 'no', terminal = true, shown = progress }: Offered = {}) {
    const streams = captureStreams({ live: terminal, interactive: terminal });
    const output = new Output(streams, { format: 'text' });
    const asked: string[] = [];
    const context = { output, globals: {}, environment: {}, again: async () => again } as unknown as Context;
    const temporal = { connection: { withDeadline: () => Promise.reject(new Error('no server')) } } as never;
    const ask = async (text: string) => {
      asked.push(text);
      return answer === 'yes';
    };
    const failure = await offerHold(context, { temporal, cluster: 'demo', run, progress: shown }, ask).catch((e) => e);
    return { out: streams.written.out, asked, told: failure?.message === 'no server' };
  }

  interface Offered {
    again?: boolean;
    answer?: 'yes' | 'no';
    terminal?: boolean;
    shown?: OperationProgress;
  }

  test('is made on a terminal, and asks after a second Ctrl-C alone', async () => {
    const once = await offer({ again: false });
    expect(once).toEqual({ out: ' Ctrl-C again within 3 s: hold it at its next safe point\n', asked: [], told: false });
    expect((await offer()).asked).toEqual(['hold demo/deploy-3 at its next safe point?']);
  });

  test('nothing is told without a yes', async () => {
    expect((await offer()).told).toBe(false);
    expect((await offer({ answer: 'yes' })).told).toBe(true);
  });

  test.each([
    ['not on a terminal', { terminal: false }],
    ['of an operation that cannot be held', { shown: { ...progress, canHold: undefined } }],
    ['of one that is over', { shown: { ...progress, state: 'done' as const } }],
  ])('is not made %s', async (_, change) => expect(await offer(change)).toEqual({ out: '', asked: [], told: false }));
});
