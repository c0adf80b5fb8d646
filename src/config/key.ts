import type { z } from 'zod';

/** What a key of `.env` is. The template, the documentation, the parser and `config show` are all made from these. */

export const sections = {
  cluster: 'Cluster nodes',
  ssh: 'SSH',
  ports: 'Service ports',
  images: 'Images and versions',
  storage: 'Storage',
  limits: 'Memory and CPU limits per service',
  redis: 'Redis Cluster',
  nginx: 'Load balancer (NGINX)',
  kraken: 'Kraken',
  rollout: 'Changes of a running cluster',
  logs: 'Logs and metrics',
  agents: 'Agents on VMs',
  firewall: 'Firewall',
  tls: 'TLS',
  auth: 'Authentication',
  recovery: 'Recovery and alerts (not built yet)',
  backup: 'Backup (not built yet)',
} as const;
export type Section = keyof typeof sections;

/**
 * `built`: honoured. Otherwise the reason, and what happens when the key is set: a `switch` is refused unless it says
 * "off", since accepting it would promise what is not there; a `companion` is validated and shown as not in use.
 */
export type Status = 'built' | { notYet: string; as: 'switch' | 'companion' };

export interface KeyDefinition<T = unknown> {
  section: Section;
  /** One line: why a person would set it. */
  why: string;
  /** As it would be written in `.env`. */
  default?: string;
  /** What holds when it is not set and no text says it. */
  absent?: string;
  /** For keys without a default; required keys are written into the template with it. */
  example?: string;
  required?: true;
  /** What a value looks like, in words that end the sentence "expected …". */
  range: string;
  schema: z.ZodType<T, string>;
  status: Status;
  secret?: true;
  /** Values that the schema knows and the product does not honour yet, with the reason. */
  notYetValues?: Record<string, string>;
}

/** Keeps the value's type while checking the rest. */
export function defineKey<T>(definition: KeyDefinition<T>): KeyDefinition<T> {
  return definition;
}
