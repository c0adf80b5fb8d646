import { randomBytes } from 'node:crypto';
import { type Command, Option } from 'commander';
import type { Finding } from '../../cluster/preflight/findings';
import type { ClusterSpec } from '../../cluster/spec';
import type { PreflightInput, PreflightReport } from '../../contracts/activities';
import { taskQueues, workflowTypes } from '../../contracts/queues';
import { renderCheck } from '../check-text';
import { makeChecklist } from '../checklist';
import { type Configuration, readConfiguration } from '../configuration';
import type { Temporal } from '../connect';
import type { Context, Wire } from '../context';
import { CliFailure } from '../failure';
import { type Filter, hostsOption, isShown, readFilter } from '../filters';
import { findPublicKeys } from '../public-keys';
import type { StewardView } from '../steward';

interface CheckOptions {
  hosts?: string;
  apply?: boolean;
  offline?: boolean;
}

const lookTimeoutMs = 60_000;
const mendTimeoutMs = 120_000;

export function addCheckCommand(program: Command, wire: Wire): void {
  program
    .command('check')
    .description('everything that would make a deploy fail, before it does (exit 4: something would)')
    .option('--apply', 'mend what is safe to mend: kernel settings')
    .option('--offline', 'the configuration alone; no host is contacted')
    // What it hides is mended all the same, and without a host there is nothing to hide.
    .addOption(new Option(...hostsOption).conflicts(['apply', 'offline']))
    .action(wire<CheckOptions>(check));
}

async function check(context: Context, options: CheckOptions): Promise<void> {
  const configuration = await readConfiguration(context);
  const filter = readFilter(configuration.spec, { hosts: options.hosts });
  if (options.offline) return checkConfiguration(context, configuration);
  const { reachWorker } = require('../inspect') as typeof import('../inspect');
  const reached = await reachWorker(context, configuration.spec.name);
  if (!('temporal' in reached)) {
    if (options.apply) throw again(reached.failure, `--apply changes hosts and needs a worker: ${reached.because}`);
    const { preflightLocally } = require('../local') as typeof import('../local');
    const report = await preflightLocally({ spec: configuration.spec, listen: reached.running === null });
    const away = toFinding(reached.failure);
    return conclude(context, configuration, {
      report: { ...report, findings: [...report.findings, away] },
      through: 'this process',
      filter,
    });
  }
  const { temporal } = reached;
  try {
    const { findRunning, stewardOf } = require('../inspect') as typeof import('../inspect');
    const listen = (await findRunning(temporal, configuration.spec.name)) === null;
    const look = () => lookThrough(temporal, { spec: configuration.spec, listen });
    const report = await look();
    const mended = options.apply
      ? await mend(context, temporal, { spec: configuration.spec, report, look })
      : { report };
    const about = aboutSteward(await stewardOf(temporal, configuration), mended.report);
    const whole = { ...mended.report, findings: [...mended.report.findings, ...about] };
    conclude(context, configuration, { ...mended, report: whole, through: 'the worker', filter });
  } finally {
    await temporal.close();
  }
}

/** Before the first deploy there is none, and none is missing. */
function aboutSteward(steward: StewardView | undefined, { certificates }: PreflightReport): Finding[] {
  const nobody = 'nobody else looks how long certificates are good before they end';
  if (steward?.state === 'paused') {
    const what = `the certificate steward is paused${steward.note ? ` by ${steward.note}` : ''}`;
    return [{ code: 'STEWARD_PAUSED', level: 'warning', what, why: nobody, mend: 'krakenctl tls schedule resume' }];
  }
  if (steward?.state !== 'missing' || !certificates) return [];
  const what = 'there is no certificate steward';
  return [{ code: 'STEWARD_MISSING', level: 'warning', what, why: nobody, mend: 'krakenctl deploy' }];
}

/** A deploy would end with the same; a look does not need them. */
function toFinding({ code, message, hint }: CliFailure): Finding {
  return {
    code,
    level: 'failure',
    what: `${message}; looked from this machine instead`,
    why: 'a deploy is done by a worker, which may reach the hosts in another way than this machine does',
    mend: mendOf(code) ?? hint ?? 'krakenctl temporal status',
  };
}

/** Who types `check` first has neither, and the one line makes both. */
function mendOf(code: string): string | undefined {
  return code === 'TEMPORAL_UNREACHABLE' || code === 'WORKER_MISSING'
    ? 'krakenctl temporal up && krakenctl worker start'
    : undefined;
}

function again({ code, retryable, hint }: CliFailure, message: string): CliFailure {
  return new CliFailure(code, message, { retryable, hint: mendOf(code) ?? hint });
}

function checkConfiguration({ output }: Context, { spec, warnings }: Configuration): void {
  output.result({ cluster: spec.name, nodes: spec.nodes.length, warnings, hostsChecked: false });
  for (const { key, message } of warnings) output.line(` ${output.colors.yellow('!')} ${key}: ${message}`);
  const found = warnings.length === 1 ? '1 warning' : `${warnings.length} warnings`;
  output.line(`cluster ${spec.name}, ${spec.nodes.length} nodes: no mistake, ${found}`);
  output.line('no host was contacted; what speaks against a deploy there: krakenctl check');
}

function lookThrough({ client }: Temporal, input: PreflightInput): Promise<PreflightReport> {
  return client.workflow.execute(workflowTypes.preflight, {
    taskQueue: taskQueues.main,
    workflowId: `kraken-${input.spec.name}-check-${randomBytes(4).toString('hex')}`,
    args: [input],
    workflowExecutionTimeout: lookTimeoutMs,
    staticSummary: `check ${input.spec.name}`,
  }) as Promise<PreflightReport>;
}

/** Mends, then looks again: what is shown is what is there afterwards. */
async function mend(
  { output }: Context,
  temporal: Temporal,
  { spec, report, look }: { spec: ClusterSpec; report: PreflightReport; look: () => Promise<PreflightReport> },
): Promise<{ report: PreflightReport; changed?: number }> {
  const mends = report.findings.flatMap((f) => (f.apply && f.host ? [{ host: f.host, mend: f.apply }] : []));
  if (mends.length === 0) {
    output.line('nothing that --apply could mend');
    return { report };
  }
  const done = (await temporal.client.workflow.execute(workflowTypes.mend, {
    taskQueue: taskQueues.main,
    workflowId: `kraken-${spec.name}-mend`,
    // Typed twice at once, both wait for the same.
    workflowIdConflictPolicy: 'USE_EXISTING',
    args: [{ spec, mends }],
    workflowExecutionTimeout: mendTimeoutMs,
    staticSummary: `mend the hosts of ${spec.name}`,
  })) as { changed: number };
  const after = await look();
  for (const { host, mend: what } of mends) {
    const isThere = !after.findings.some((f) => f.host === host && f.apply?.setting === what.setting);
    const mark = isThere ? output.colors.green('✔') : output.colors.red('✘');
    output.line(
      ` ${mark} ${host}: ${what.setting} ${isThere ? `is ${what.value} now, and after the next start` : 'is still another'}`,
    );
  }
  output.line();
  return { report: after, changed: done.changed };
}

interface Looked {
  report: PreflightReport;
  through: string;
  /** Settings that --apply changed. */
  changed?: number;
  filter: Filter;
}

function conclude(context: Context, configuration: Configuration, looked: Looked): void {
  const { report, through, changed, filter } = looked;
  const { output } = context;
  const { spec, warnings, settings } = configuration;
  const own = warnings.map(
    ({ key, message }): Finding => ({
      code: 'CONFIG_WARNING',
      level: 'warning',
      what: `${key}: ${message}`,
      why: 'it is allowed, and seldom meant',
      mend: `krakenctl config show --origin; .env.template explains ${key}`,
    }),
  );
  const findings = [...findPublicKeys(settings), ...report.findings, ...own].sort(
    (a, b) => Number(a.level === 'warning') - Number(b.level === 'warning'),
  );
  const keysSet = Object.values(settings).filter((s) => s.origin !== 'default').length;
  const checklist = makeChecklist({
    keysSet,
    warnings: warnings.length,
    findings,
    hosts: spec.nodes.length,
    ways: report.ways,
    firewall: report.firewall ?? [],
    tls: { wanted: spec.tls !== undefined, runs: report.certificates === true },
  });
  const failures = findings.filter((f) => f.level === 'failure');
  const shown = findings.filter(({ host }) => isShown(filter, { host }));
  const notShown = findings.length - shown.length;
  const { seen, tookMs } = report;
  const hidden = notShown > 0 && { notShown };
  const data = { cluster: spec.name, hosts: seen, through, tookMs, findings: shown, ...hidden, checklist };
  output.result(data);
  output.lines(renderCheck({ ...data, hosts: spec.nodes.length }, output.colors));
  const others = findings.length - failures.length;
  const count = `${failures.length} ${failures.length === 1 ? 'failure' : 'failures'}, ${others} ${others === 1 ? 'warning' : 'warnings'}`;
  if (failures.length > 0) {
    throw new CliFailure(
      'PREFLIGHT_FAILED',
      `${count}; ${changed ? `${changed} kernel settings were changed` : 'nothing was changed'}`,
      {
        hint: 'mend what is marked ✘, then again: krakenctl check',
        data,
      },
    );
  }
  const mendable = findings.some((f) => f.apply);
  output.line(`${count} · next: ${mendable ? 'krakenctl check --apply, then ' : ''}krakenctl deploy`);
}
