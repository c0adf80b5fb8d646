import { WorkflowExecutionAlreadyStartedError } from '@temporalio/client';
import { endWithAgents, whoFollows } from '../../src/cli/agents-follow';
import type { Temporal } from '../../src/cli/connect';
import type { Context } from '../../src/cli/context';
import { exitCodes } from '../../src/cli/exit-codes';
import { Output } from '../../src/cli/output';
import type { AgentPlan } from '../../src/cluster/agents/agent-plan';
import type { BalancerInstall, ListedAgent } from '../../src/contracts/agents';
import { workflowTypes } from '../../src/contracts/queues';
import { exampleSpec } from '../support/cluster';
import { captureStreams } from './streams';

const agent = (plan: Partial<AgentPlan>) => ({ vm: 'root@10.0.2.1:22', plan }) as ListedAgent;
const right = agent({ kind: 'work', activate: false });
const behind = agent({ kind: 'work', activate: true });
const login = agent({ kind: 'work', activate: false, login: true });
const away = agent({ kind: 'unreachable', why: 'no route to host' });
const enrolled = [{ address: '10.0.2.9', ageSeconds: 60 }];

const served = (host: string, published?: string, epoch?: number, forAll = true): BalancerInstall => ({
  host,
  ...(published && { published, epoch }),
  forAll,
});
const alike = ['node-1', 'node-2', 'node-3'].map((host) => served(host, 'new', 1800));

describe('after a deploy, agents follow', () => {
  test.each<[string, ListedAgent[], typeof enrolled, boolean, string | undefined]>([
    ['that changed something: all that are not as they should be', [right, behind, away], [], true, '2 of 3 agents'],
    ['that changed nothing: those that are seen not to be', [right, behind, away], [], false, '1 of 3 agents'],
    ['that changed nothing: nobody for a VM that is off', [right, away], [], false, undefined],
    ['that changed something: VMs that installed themselves', [right], enrolled, true, 'VMs that installed themselves'],
    ['that changed nothing: not for those, which look by themselves', [right], enrolled, false, undefined],
    ['that changed nothing: those whose credential is another one', [login, right], [], false, '1 of 2 agents'],
    [
      'that changed something: nobody for a VM that was thrown out',
      [{ ...behind, revoked: true }],
      [],
      true,
      undefined,
    ],
    ['where all is right: nobody', [right], [], true, undefined],
  ])('%s', (_, agents, installed, changed, who) => {
    expect(whoFollows({ agents, enrolled: installed, installs: alike }, changed)?.who).toBe(who);
  });

  test('of TLS: /install is published anew, though nobody has installed himself', () => {
    expect(whoFollows({ agents: [], enrolled: [], installs: alike }, true, true)?.who).toBe('/install');
    expect(whoFollows({ agents: [], enrolled: [], installs: alike }, false, true)).toBeUndefined();
    expect(whoFollows({ agents: [], enrolled: [], installs: [served('node-1')] }, true, true)).toBeUndefined();
  });

  const older = (which: string) => `load balancers with an older /install (${which})`;
  test.each<[string, BalancerInstall[], typeof enrolled, string | undefined]>([
    ['serve the same', alike, [], undefined],
    ['serve nothing', [served('node-1'), served('node-2')], enrolled, undefined],
    ['and one was away then', [served('node-1', 'old', 1700), ...alike.slice(1)], [], older('node-1')],
    ['and two are new', [alike[0]!, served('node-2'), served('node-3')], [], older('node-2, node-3')],
    ['and one was told by an operation that gave no number', [served('node-1', 'old'), alike[1]!], [], older('node-1')],
    ['of another operation, but the same', [served('node-1', 'new', 1700), ...alike.slice(1)], [], undefined],
    [
      'and what is newest is older content',
      [served('node-1', 'b', 1700), served('node-2', 'a', 1800)],
      [],
      older('node-1'),
    ],
    ['to some alone', [served('node-1', 'new', 1800, false)], enrolled, 'VMs that installed themselves'],
    ['to some alone, and there is nobody', [served('node-1', 'new', 1800, false)], [], undefined],
  ])('load balancers %s', (_, installs, installed, who) => {
    const following = whoFollows({ agents: [right], enrolled: installed, installs }, false);
    expect([following?.who, following?.verb]).toEqual([who, who && 'publish']);
  });
});

/** A Temporal on which the agents are behind, and another operation on them is under way. */
function open() {
  const started: string[] = [];
  const client = {
    workflow: {
      execute: async (type: string) =>
        type === workflowTypes.agentRoster
          ? { vms: [behind.vm], enrolled: [], installs: [], unseen: [] }
          : { agents: [behind] },
      start: async (type: string, { workflowId }: { workflowId: string }) => {
        started.push(type);
        throw new WorkflowExecutionAlreadyStartedError('it runs', workflowId, type);
      },
      getHandle: () => ({
        describe: async () => ({ memo: { operation: 'agents-7', actor: 'ben' }, startTime: new Date() }),
      }),
    },
  };
  const streams = captureStreams();
  const output = new Output(streams, { format: 'text' });
  const context = { output, environment: { USER: 'ana' } } as unknown as Context;
  return { context, temporal: { client } as unknown as Temporal, started, written: streams.written };
}

describe('a deploy', () => {
  const spec = exampleSpec();
  const { done, detached, partial } = exitCodes;

  test.each([true, false])(
    'that came to a good end (changed: %s) stays one while another works on agents',
    async (changed) => {
      const { context, temporal, started, written } = open();
      const end = { spec, options: {}, since: 0, code: done, report: { changed } };
      expect(await endWithAgents(context, temporal, end)).toBe(done);
      expect(started).toHaveLength(1);
      expect(written.out).toMatch(
        /1 of 1 agents follow[\s\S]*agents-7 by ben holds the agents of.*krakenctl agent upgrade/,
      );
    },
  );

  test.each([
    ['--detach', { code: done }, true],
    ['Ctrl-C', { code: detached }, true],
    ['--detach --no-agents', { code: done, options: { agents: false } }, false],
    ['an end with something left to do', { code: partial, report: { changed: true } }, false],
  ])('that is let go of says to what agents are left: %s', async (_, end, isSaid) => {
    const { context, temporal, started, written } = open();
    expect(await endWithAgents(context, temporal, { spec, options: {}, since: 0, ...end })).toBe(end.code);
    expect(started).toEqual([]);
    expect(written.out.includes('agents are left to the next krakenctl deploy')).toBe(isSaid);
  });
});
