import type { z } from 'zod';
import type { KeyDefinition } from './key';
import { agentKeys } from './keys/agents';
import { authKeys } from './keys/auth';
import { clusterKeys, nodeKey, sshKeys } from './keys/cluster';
import { firewallKeys } from './keys/firewall';
import { imageKeys } from './keys/images';
import { limitKeys } from './keys/limits';
import { backupKeys, recoveryKeys } from './keys/not-built';
import { portKeys } from './keys/ports';
import { rolloutKeys } from './keys/rollout';
import { krakenKeys, logKeys, nginxKeys, redisKeys } from './keys/services';
import { tlsKeys } from './keys/tls';

/** Every key of `.env`, in the order of the template. CLUSTER_NODE_1..N have one definition, {@link nodeKey}. */
export const keys = {
  ...clusterKeys,
  ...sshKeys,
  ...imageKeys,
  ...portKeys,
  ...limitKeys,
  ...redisKeys,
  ...nginxKeys,
  ...krakenKeys,
  ...rolloutKeys,
  ...logKeys,
  ...agentKeys,
  ...firewallKeys,
  ...tlsKeys,
  ...authKeys,
  ...recoveryKeys,
  ...backupKeys,
};

export { nodeKey };

export type KeyName = keyof typeof keys;

/** Values by key; undefined for what is neither set nor has a default, and for what is wrong. */
export type Values = { [K in KeyName]: z.output<(typeof keys)[K]['schema']> | undefined };

export const keyNames = Object.keys(keys) as KeyName[];

const nodeName = /^CLUSTER_NODE_([1-9]\d{0,2})$/;

/** 3 for CLUSTER_NODE_3; undefined for any other name. */
export function nodeNumber(name: string): number | undefined {
  const match = nodeName.exec(name);
  return match ? Number(match[1]) : undefined;
}

export function nodeKeyName(number: number): string {
  return `CLUSTER_NODE_${number}`;
}

export function findKey(name: string): KeyDefinition | undefined {
  if (nodeNumber(name) !== undefined) return nodeKey;
  return Object.hasOwn(keys, name) ? keys[name as KeyName] : undefined;
}
