import { findAuthMistakes } from './auth-rules';
import { keys, nodeKeyName, nodeNumber } from './keys';
import type { Mistake, Warning } from './mistakes';
import { findAgentPortMistakes, findPortMistakes } from './port-rules';
import { blame, type Ruling } from './ruling';

/** With so many it was tried, in memory (`test/workflows/many-nodes.test.ts`). */
const triedNodes = 100;

/** What no key can say alone. Each rule names the one line that a person would change. */

export function findRuleMistakes(ruling: Ruling): Mistake[] {
  return [
    ...findNumberingMistakes(ruling),
    ...findTwins(ruling),
    ...findLoadBalancerMistakes(ruling),
    ...findMemoryMistakes(ruling),
    ...findImageMistakes(ruling),
    ...findReplicaMistakes(ruling),
    ...findAuthMistakes(ruling),
    ...findTlsMistakes(ruling),
    ...findPortMistakes(ruling),
    ...findAgentPortMistakes(ruling),
  ];
}

/** Numbers of all nodes that are named, wrong ones too: a wrong node is not a missing one. */
function namedNumbers({ gathered }: Ruling): number[] {
  const names = new Set([...gathered.given.keys(), ...gathered.broken]);
  return [...names].flatMap((name) => nodeNumber(name) ?? []).sort((a, b) => a - b);
}

function findNumberingMistakes(ruling: Ruling): Mistake[] {
  const numbers = namedNumbers(ruling);
  const mistakes: Mistake[] = [];
  const gap = numbers.find((number, i) => number !== i + 1);
  if (gap !== undefined) {
    const missing = nodeKeyName(numbers.indexOf(gap) + 1);
    const problem = `${missing} is missing before it`;
    return [blame(ruling, nodeKeyName(gap), { problem, expected: 'nodes numbered from 1 without gaps' })];
  }
  if (numbers.length < 3) {
    const key = nodeKeyName(numbers.length + 1);
    const problem = numbers.length === 0 ? 'no nodes are named' : `only ${numbers.length} of at least 3 nodes`;
    const expected = 'CLUSTER_NODE_1, CLUSTER_NODE_2 and CLUSTER_NODE_3, each an address';
    mistakes.push(blame(ruling, key, { problem, expected, hint: `for example ${key}=10.0.1.${10 + numbers.length}` }));
  }
  return mistakes;
}

function findTwins(ruling: Ruling): Mistake[] {
  const first = new Map<string, string>();
  return ruling.resolved.nodes.flatMap(({ address, key }) => {
    const twin = first.get(address);
    if (twin === undefined) {
      first.set(address, key);
      return [];
    }
    const problem = `the same address as ${twin}`;
    return [
      blame(ruling, key, {
        problem,
        expected: 'a host of its own for each node',
        hint: 'all parts use the host network',
      }),
    ];
  });
}

function findLoadBalancerMistakes(ruling: Ruling): Mistake[] {
  const numbers = new Set(namedNumbers(ruling));
  const wrong = ruling.resolved.values.LB_NODES?.filter((id) => !numbers.has(Number(id.slice('node-'.length))));
  if (!wrong?.length || numbers.size === 0) return [];
  const problem = `${wrong.join(', ')} ${wrong.length > 1 ? 'are' : 'is'} no node of this cluster`;
  const known = [...numbers].map((number) => `node-${number}`).join(', ');
  return [blame(ruling, 'LB_NODES', { problem, expected: `names of nodes among ${known}` })];
}

function findMemoryMistakes(ruling: Ruling): Mistake[] {
  const { REDIS_MAXMEMORY: data, REDIS_MEMORY_LIMIT: limit } = ruling.resolved.values;
  if (data === undefined || limit === undefined || data < limit) return [];
  const { given } = ruling.gathered;
  const key = given.has('REDIS_MAXMEMORY') ? 'REDIS_MAXMEMORY' : 'REDIS_MEMORY_LIMIT';
  const problem = 'REDIS_MAXMEMORY is not below REDIS_MEMORY_LIMIT';
  const expected = 'REDIS_MAXMEMORY below REDIS_MEMORY_LIMIT, about half of it';
  return [
    blame(ruling, key, { problem, expected, hint: 'at the limit the kernel kills Redis instead of it evicting' }),
  ];
}

function findImageMistakes(ruling: Ruling): Mistake[] {
  const { IMAGE_ARCHIVE_DIR: folder, IMAGE_SOURCE: source } = ruling.resolved.values;
  if (folder === undefined || source !== 'pull') return [];
  const problem = 'IMAGE_SOURCE is pull, so no archive would be read';
  return [
    blame(ruling, 'IMAGE_ARCHIVE_DIR', { problem, expected: 'IMAGE_SOURCE=load with it, or no IMAGE_ARCHIVE_DIR' }),
  ];
}

function findReplicaMistakes(ruling: Ruling): Mistake[] {
  const copies = ruling.resolved.values.ORIGIN_MAX_REPLICA;
  const nodes = namedNumbers(ruling).length;
  if (copies === undefined || nodes < 3 || copies <= nodes) return [];
  const problem = `more copies than the ${nodes} nodes can hold`;
  return [blame(ruling, 'ORIGIN_MAX_REPLICA', { problem, expected: `a whole number, 1 to ${nodes}` })];
}

/** A certificate without its key, or the other way round, is none. */
function findTlsMistakes(ruling: Ruling): Mistake[] {
  const { ENABLE_TLS, CERT_PATH, KEY_PATH, CA_PATH } = ruling.resolved.values;
  if (!ENABLE_TLS) return [];
  const missing = (key: string, expected: string) => blame(ruling, key, { problem: 'it is alone', expected });
  if (CERT_PATH && !KEY_PATH) return [missing('CERT_PATH', 'KEY_PATH beside it, or neither')];
  if (KEY_PATH && !CERT_PATH) return [missing('KEY_PATH', 'CERT_PATH beside it, or neither')];
  if (CA_PATH && !CERT_PATH) return [missing('CA_PATH', 'CERT_PATH and KEY_PATH beside it, or none of them')];
  return [];
}

export function findWarnings({ resolved: { values, nodes }, gathered }: Ruling): Warning[] {
  const warnings: Warning[] = [];
  const warn = (key: string, message: string) => warnings.push({ key, message });
  for (const key of ['CERT_PATH', 'KEY_PATH', 'CA_PATH'] as const) {
    if (values[key] && !values.ENABLE_TLS) warn(key, 'not in use without ENABLE_TLS=true');
  }
  if (values.LB_NODES?.length === 1) {
    warn('LB_NODES', `${values.LB_NODES[0]} alone balances the load: it is a single point of failure`);
  }
  if (nodes.length % 2 === 0) {
    const message = `${nodes.length} nodes survive the loss of no more Redis masters than ${nodes.length - 1} do; an odd number is better`;
    warn(nodeKeyName(nodes.length), message);
  }
  if (nodes.length > triedNodes) {
    const message = `${nodes.length} nodes are more than was tried (${triedNodes}); a host that only pulls images needs an agent: krakenctl agent deploy`;
    warn(nodeKeyName(triedNodes + 1), message);
  }
  const { REDIS_MAXMEMORY: data, REDIS_MEMORY_LIMIT: limit } = values;
  if (data !== undefined && limit !== undefined && data > limit * 0.75) {
    warn('REDIS_MAXMEMORY', 'less than a quarter of REDIS_MEMORY_LIMIT is left for copies and buffers');
  }
  if (values.ORIGIN_MAX_REPLICA === 1) {
    warn('ORIGIN_MAX_REPLICA', 'each blob is on one origin: with that node down it cannot be pulled from a cache');
  }
  if (values.KRAKEN_IMAGE_REGISTRY === keys.KRAKEN_IMAGE_REGISTRY.example) {
    warn('KRAKEN_IMAGE_REGISTRY', 'this is still the example of the template; no image can come from there');
  }
  if (values.ENABLE_AUTH && values.AUTH_WITHOUT_TLS) {
    warn('AUTH_WITHOUT_TLS', 'passwords cross the network in the clear, and whoever sees one may use it');
  }
  if (gathered.given.get('AUTH_SECRET')?.text === keys.AUTH_SECRET.example) {
    warn('AUTH_SECRET', 'this is the example of the documentation, which everybody knows');
  }
  return warnings;
}
