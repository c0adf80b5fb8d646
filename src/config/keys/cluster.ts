import { defineKey } from '../key';
import { nodeNames, path, sshAddress, userName } from '../values/places';
import { port, wholeNumber } from '../values/quantities';
import { matchText } from '../values/text';

export const clusterKeys = {
  CLUSTER_NAME: defineKey({
    section: 'cluster',
    why: 'Names the cluster in containers (kraken-<name>-node-1-origin), folders and workflow ids; it cannot be changed later.',
    default: 'cluster',
    range: '1 to 31 of a-z, 0-9 and -, beginning with a letter or digit',
    schema: matchText(/^[a-z0-9][a-z0-9-]{0,30}$/),
    status: 'built',
  }),
  LB_NODES: defineKey({
    section: 'cluster',
    why: 'Nodes that carry a load balancer; with one alone, its loss stops every push and pull.',
    absent: 'every node',
    example: 'node-1,node-2',
    range: 'names of nodes with commas between them, each node-N for a CLUSTER_NODE_N',
    schema: nodeNames,
    status: 'built',
  }),
  CONCURRENCY: defineKey({
    section: 'cluster',
    why: 'Hosts that are worked on at once.',
    default: '10',
    range: 'a whole number, 1 to 256',
    schema: wholeNumber({ min: 1, max: 256 }),
    status: 'built',
  }),
};

/** One definition for CLUSTER_NODE_1, CLUSTER_NODE_2 and so on. */
export const nodeKey = defineKey({
  section: 'cluster',
  why: 'Address by which the other nodes reach this one, with user and SSH port where they differ from SSH_USER and SSH_PORT.',
  example: '10.0.1.10',
  required: true,
  range: 'an IPv4 address or host name, as address or user@address:port; at least three nodes, numbered without gaps',
  schema: sshAddress,
  status: 'built',
});

export const sshKeys = {
  SSH_USER: defineKey({
    section: 'ssh',
    why: 'Login on the nodes; without the docker group it needs sudo without a password.',
    default: 'root',
    range: 'a user name of at most 32 characters',
    schema: userName,
    status: 'built',
  }),
  SSH_PORT: defineKey({
    section: 'ssh',
    why: 'Port of sshd on the nodes.',
    default: '22',
    range: 'a port, 1 to 65535',
    schema: port,
    status: 'built',
  }),
  SSH_KEY_PATH: defineKey({
    section: 'ssh',
    why: 'Private key file on the machine of the worker.',
    absent: 'the SSH agent, or ~/.ssh/id_ed25519 where none runs',
    example: '~/.ssh/id_ed25519',
    range: 'an absolute path or one that begins with ~/',
    schema: path,
    status: 'built',
  }),
  SSH_KNOWN_HOSTS: defineKey({
    section: 'ssh',
    why: 'File with the pinned host keys; a host whose key is not in it, or another, is refused.',
    default: '~/.ssh/known_hosts',
    range: 'an absolute path or one that begins with ~/',
    schema: path,
    status: 'built',
  }),
  SSH_PROXY_JUMP: defineKey({
    section: 'ssh',
    why: 'Bastion through which the nodes are reached.',
    absent: 'none, nodes are reached directly',
    example: 'ops@bastion.example.com:22',
    range: 'an IPv4 address or host name, as address or user@address:port',
    schema: sshAddress,
    status: 'built',
  }),
};
