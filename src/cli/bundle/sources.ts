import { judgeServing } from '../../cluster/serving';
import type { Configuration } from '../configuration';
import type { Context } from '../context';
import { logPath, tailLog } from '../daemons';
import { type CliFailure, toCliFailure } from '../failure';
import { lookAtCluster } from '../inspect';
import { readVersionFacts } from '../version';
import type { Source } from './bundle';
import { hostSource } from './host-source';
import { temporalSource } from './temporal-source';

const workerLogLines = 2000;

/** Everything that can be asked; without a valid configuration there is no host to ask. */
export function sourcesOf(context: Context, configuration: Configuration | CliFailure): Source[] {
  const own: Source[] = [
    { name: 'versions.json', collect: async () => ({ files: { 'versions.json': readVersionFacts() } }) },
    daemonSource(context, 'worker'),
    daemonSource(context, 'temporal'),
  ];
  if ('exitCode' in configuration) return [...own, brokenConfiguration(configuration)];
  const { spec } = configuration;
  return [
    ...own,
    { name: 'configuration.json', collect: async () => ({ files: { 'configuration.json': describe(configuration) } }) },
    { name: 'cluster', collect: () => inspect(context, configuration) },
    temporalSource(context.environment, spec.name),
    ...spec.nodes.map((node) => hostSource(spec, node.id)),
  ];
}

function describe({ settings, warnings, spec }: Configuration) {
  return { settings, warnings, spec };
}

function brokenConfiguration({ message, data }: CliFailure): Source {
  const without = ['the plan', 'the hosts', 'the operations in Temporal'];
  const missing = without.map((what) => ({ what, why: 'the configuration has mistakes, see configuration.json' }));
  return {
    name: 'configuration.json',
    collect: async () => ({ files: { 'configuration.json': { message, data } }, missing }),
  };
}

/** As `plan` and `status` see it: through the worker where one answers. */
async function inspect(context: Context, configuration: Configuration) {
  const { spec } = configuration;
  const { observed, plan, planFailure, record, running, through } = await lookAtCluster(context, configuration, {
    probe: true,
  });
  return {
    files: {
      'cluster/observation.json': { through, running: running ?? null, observed },
      'cluster/serving.json': judgeServing({ spec, observed }),
      'cluster/plan.json': plan ?? { planFailure },
      'cluster/record.json': record ?? null,
    },
    missing: observed.hosts.flatMap((h) => (h.reachable ? [] : [{ what: `${h.host} in cluster/`, why: h.error }])),
  };
}

function daemonSource({ environment }: Context, name: 'worker' | 'temporal'): Source {
  return {
    name: `logs/${name}.log`,
    async collect() {
      const lines = tailLog(name, environment, workerLogLines);
      if (lines.length > 0) return { files: { [`logs/${name}.log`]: lines.map((line) => `${line}\n`).join('') } };
      return { files: {}, missing: [{ what: `logs/${name}.log`, why: `${logPath(name, environment)} is not there` }] };
    },
  };
}

export async function readBundleConfiguration(read: () => Promise<Configuration>): Promise<Configuration | CliFailure> {
  try {
    return await read();
  } catch (error) {
    return toCliFailure(error);
  }
}
