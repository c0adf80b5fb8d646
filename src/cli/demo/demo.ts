import { operationWorkflowId } from '../../cluster/names';
import { judgeServing } from '../../cluster/serving';
import { type Lab, labUp } from '../../lab/lab';
import { operateFleet } from '../agents';
import { deployConfiguration } from '../commands/deploy';
import { gatherStatus } from '../commands/status';
import { type Configuration, readConfiguration } from '../configuration';
import type { Context } from '../context';
import { exitCodes } from '../exit-codes';
import { CliFailure } from '../failure';
import { labProgressLines } from '../lab-progress';
import { renderStatus } from '../status-text';
import { serverUp } from '../temporal/dev-server';
import { resolveAddress, uiLink } from '../temporal-address';
import { showDuration } from '../time-text';
import { startWorker, stopWorker } from '../worker-process';
import { type DemoEnv, placeEnv } from './env-file';
import { pullThroughAgents, pushAndPull } from './image-round-trip';
import { Steps } from './steps';

export const demoLab = 'demo';
const demoNodes = 3;
const demoVms = 2;

/** From an empty machine to a cluster that has taken an image and given it back; what is there already is kept. */
export async function demoUp(given: Context): Promise<number> {
  const context = withoutImageKeys(given);
  const { output, environment } = context;
  const startedAt = Number(environment.KRAKENCTL_DEMO_STARTED ?? 0) * 1000 || Date.now();
  const steps = new Steps(output);
  const [{ lab }] = await Promise.all([upLab(context, steps), upTemporal(context, steps)]);
  if (lab.images.kraken === 'stand-in') {
    const hint = 'no registry answered. Real: KRAKEN_IMAGE_REGISTRY=… npm run demo';
    steps.line(` ${output.colors.yellow('!')} images               STAND-IN, not Kraken: ${hint}`);
  }
  const env = placeEnv(lab, environment);
  steps.line(` ${output.colors.green('✔')} .env                 ${env.message}`);
  await steps.run('worker', async () => ({ message: await upWorker(environment) }));
  const configuration = await readConfiguration({ ...context, globals: { ...context.globals, envFile: env.path } });
  const code = await deployConfiguration(context, configuration, {});
  if (code !== exitCodes.done) return code;
  const [from, to] = lab.hosts.filter((h) => h.name.startsWith('node-'));
  const trip = { from: from!, to: to!, port: configuration.spec.ports.lbProxy };
  const proof = await steps.run('proof', (note) => pushAndPull(trip, note));
  const agents = await bringAgents({ ...context, globals: { ...context.globals, envFile: env.path } }, lab);
  if (agents !== exitCodes.done) return agents;
  const vms = vmsOf(lab);
  await steps.run('agents', (note) => pullThroughAgents({ vms, digest: proof.digest }, note));
  await showEnd(context, { configuration, env, lab, startedAt, digest: proof.digest });
  return exitCodes.done;
}

const vmsOf = (lab: Lab) => lab.hosts.filter((h) => h.name.startsWith('vm-'));

function bringAgents(context: Context, lab: Lab): Promise<number> {
  return operateFleet(context, { verb: 'deploy', words: vmsOf(lab).map((vm) => vm.address), options: {} });
}

/** Given to the lab, which brings these images into its own registry; `.env` names that one. */
function withoutImageKeys(context: Context): Context {
  const { KRAKEN_IMAGE_REGISTRY: _, KRAKEN_VERSION: __, ...environment } = context.environment;
  return { ...context, environment };
}

function upLab({ output }: Context, steps: Steps): Promise<{ lab: Lab; message: string }> {
  return steps.run('lab', async (note) => {
    const show = labProgressLines(output, (text) => steps.line(text));
    const lab = await labUp({
      name: demoLab,
      nodes: demoNodes,
      vms: demoVms,
      progress: (event) => {
        note(event.message);
        show(event);
      },
    });
    const hosts = lab.hosts.map((h) => h.name).join(' ');
    return { lab, message: `${lab.hosts.length} hosts: ${hosts}, each with systemd, sshd, its own Docker engine` };
  });
}

function upTemporal({ environment }: Context, steps: Steps): Promise<{ message: string }> {
  return steps.run('temporal', async (note) => {
    const { ui, whose, data } = await serverUp({ environment, note });
    return { message: `${ui}   ${whose === 'ours' ? `dev server, data in ${data}` : 'not started by the demo'}` };
  });
}

/** After `git pull` the worker of yesterday still runs: ours is replaced, anybody else's is left. */
async function upWorker(environment: NodeJS.ProcessEnv): Promise<string> {
  try {
    const { started, pid } = await startWorker({ environment });
    return started ? `pid ${pid}` : 'runs already';
  } catch (error) {
    if (!(error instanceof CliFailure) || error.code !== 'WORKER_VERSION') throw error;
    if (!(await stopWorker(environment))) throw error;
    const { pid } = await startWorker({ environment });
    return `pid ${pid}, in the place of one of another version`;
  }
}

interface End {
  configuration: Configuration;
  env: DemoEnv;
  lab: Lab;
  startedAt: number;
  digest: string;
}

async function showEnd(context: Context, { configuration, env, lab, startedAt, digest }: End): Promise<void> {
  const { output, environment } = context;
  const { spec } = configuration;
  const status = await gatherStatus(context, configuration);
  const [first] = spec.nodes;
  const ui = uiLink(resolveAddress(environment), operationWorkflowId(spec.name));
  const flag = env.inPlace ? '' : ` --env-file ${env.path}`;
  const endpoint = `http://${first!.address}:${spec.ports.lbProxy}`;
  output.result({
    lab: lab.name,
    images: lab.images.kraken,
    env: env.path,
    ui,
    endpoint,
    digest,
    serving: judgeServing({ ...status, steward: status.steward?.state }),
  });
  output.lines(['', ...renderStatus(status, output.colors), '']);
  output.lines([
    `Done in ${showDuration(Date.now() - startedAt)}.`,
    ` Temporal   ${ui}`,
    ` registry   ${endpoint}/v2/ (push and pull on a node: 127.0.0.1:${spec.ports.lbProxy})`,
    ` look       bin/krakenctl status${flag} · bin/krakenctl op list${flag} · bin/krakenctl agent list${flag}`,
    ` pull       docker exec ${vmsOf(lab)[0]!.container} kraken-pull demo/hello`,
    ` break it   docker exec ${lab.hosts[0]!.container} docker rm -f kraken-${spec.name}-node-1-origin`,
    ` mend it    bin/krakenctl plan${flag}, then bin/krakenctl deploy${flag}`,
    ' remove all npm run demo -- --down',
  ]);
}
