import { uuid4 } from '@temporalio/workflow';
import type { AgentTry } from '../cluster/agents/canary-agent';
import type { Gate } from '../cluster/plan';
import type { ClusterSpec } from '../cluster/spec';
import { waits } from './activities';
import { gateTimeoutMs } from './activity-options';
import { describeFailure } from './describe-failure';
import { final } from './operation-steps';

interface AgentCanary {
  spec: ClusterSpec;
  gate: Extract<Gate, { kind: 'agent' }>;
  summary: string;
}

/**
 * @returns what a person is told of it
 * @throws {ApplicationFailure} where an agent that gets what others have gets nothing from the node, unless the gate only tells that
 */
export async function passAgentCanary(canary: AgentCanary): Promise<string> {
  try {
    return await askAgents(canary);
  } catch (error) {
    const { code, message } = describeFailure(error);
    if (!canary.gate.tells || code !== 'CANARY_FAILED') throw error;
    return `through no agent (${message})`;
  }
}

/** One after the other, until one came through the node or none is left to ask. */
async function askAgents({ spec, gate, summary }: AgentCanary): Promise<string> {
  const tries: AgentTry[] = [];
  for (;;) {
    const next = await waits.nextCanaryAgent.executeWithOptions({ summary }, [{ spec, gate, tries }]);
    if (next.vm === undefined) {
      const { state, told } = next.verdict;
      if (state !== 'failed') return told;
      const { host } = gate;
      const hint = `krakenctl logs ${host} origin`;
      throw final('CANARY_FAILED', `gate agent: origin of ${host}: ${told}`, { host, part: 'origin', hint });
    }
    // Of no other try: an agent that has a blob asks nobody for it.
    const input = { spec, gate, vm: next.vm, seed: uuid4(), timeoutMs: gateTimeoutMs };
    tries.push(await waits.tryThroughAgent.executeWithOptions({ summary }, [input]));
  }
}
