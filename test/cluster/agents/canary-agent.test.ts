import { type AgentTry, canaryAgents, judgeAgentCanary } from '../../../src/cluster/agents/canary-agent';

const vms = Array.from({ length: 40 }, (_, n) => `root@10.0.2.${n + 1}:22`);
const one = (vm: number, state: AgentTry['state'], why: string): AgentTry => ({ vm: vms[vm - 1]!, state, why });

describe('which agents a node may be tried through', () => {
  test('are the same at each look, whatever the order of the record', () => {
    const found = canaryAgents(vms, 'node-1', []);
    expect(canaryAgents([...vms].reverse(), 'node-1', [])).toEqual(found);
    expect(new Set(found).size).toBe(5);
  });

  test('are others for other nodes', () => {
    const first = ['node-1', 'node-2', 'node-3', 'node-4'].map((host) => canaryAgents(vms, host, [])[0]);
    expect(new Set(first).size).toBeGreaterThan(1);
  });

  test('are not those that were asked, and none after three', () => {
    const [a, b, c] = canaryAgents(vms, 'node-1', []) as [string, string, string];
    expect(canaryAgents(vms, 'node-1', [a])[0]).toBe(b);
    expect(canaryAgents(vms, 'node-1', [a, b])[0]).toBe(c);
    expect(canaryAgents(vms, 'node-1', [a, b, c])).toEqual([]);
  });
});

describe('what their answers come to', () => {
  test.each<[string, AgentTry[], string, string]>([
    ['one that came is enough', [one(1, 'came', '0.4s')], 'passed', 'through agent 10.0.2.1'],
    [
      'also after one that blames the node, which is told',
      [one(1, 'node', 'EOF'), one(2, 'came', '0.4s')],
      'passed',
      'through agent 10.0.2.2 (10.0.2.1: EOF)',
    ],
    ['nobody to ask fails nothing', [], 'unknown', 'through no agent (none is looked after)'],
    [
      'agents that get nothing from anybody fail nothing',
      [one(1, 'agent', 'a'), one(2, 'agent', 'b')],
      'unknown',
      'through no agent (10.0.2.1: a; 10.0.2.2: b)',
    ],
    [
      'one that gets what others have, and not this, fails the node',
      [one(1, 'node', 'EOF')],
      'failed',
      '10.0.2.1: EOF',
    ],
    ['also beside one that gets nothing', [one(1, 'agent', 'a'), one(2, 'node', 'EOF')], 'failed', '10.0.2.2: EOF'],
  ])('%s', (_, tries, state, told) => {
    expect(judgeAgentCanary(tries, 'none is looked after')).toEqual({ state, told });
  });
});
