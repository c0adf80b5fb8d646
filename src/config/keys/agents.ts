import { defineKey, type KeyDefinition } from '../key';
import { cpus, port, size } from '../values/quantities';

/** What runs on each VM; the ports are the VM's, not those of a node. */

function defineAgentPort(why: string, number: number, range = 'a port, 1 to 65535'): KeyDefinition<number> {
  return defineKey({ section: 'agents', why, default: String(number), range, schema: port, status: 'built' });
}

export const agentKeys = {
  AGENT_PORT: defineAgentPort('Registry from which Docker on each VM pulls.', 8080),
  AGENT_PEER_PORT: defineAgentPort('Where other agents fetch pieces.', 8090),
  AGENT_SERVER_PORT: defineAgentPort("The agent's own interface.", 8091),
  AGENT_RELAY_PORT: defineAgentPort(
    'First of the loopback ports on which a VM reaches the load balancers, one each (two with ENABLE_AUTH or ENABLE_TLS); kraken-pull falls back to them.',
    8095,
    'a port, 1 to 65535, so that each load balancer finds a free one after it',
  ),
  AGENT_MEMORY_LIMIT: defineKey({
    section: 'agents',
    why: 'Hard memory limit of an agent (idle 70-83 MiB).',
    default: '512m',
    range: 'a size, 128m to 1t',
    schema: size({ min: 128 * 2 ** 20, max: 2 ** 40 }),
    status: 'built',
  }),
  AGENT_CPU_LIMIT: defineKey({
    section: 'agents',
    why: 'CPU limit of an agent in cores.',
    default: '0',
    range: 'cores, 0 to 512 with at most two decimals; 0 = no limit',
    schema: cpus,
    status: 'built',
  }),
};
