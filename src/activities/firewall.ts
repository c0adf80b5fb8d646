import { HostUnreachableError, OutcomeUnknownError } from '../clients/errors';
import type { HostConnection } from '../clients/host';
import { planFirewall } from '../cluster/firewall/firewall-plan';
import { firewallHost } from '../cluster/firewall/rules';
import { foreignHosts } from '../cluster/ownership';
import type {
  FirewallActivities,
  FirewallStepInput,
  FirewallTarget,
  FirewallTrialInput,
  FirewallVerdict,
} from '../contracts/firewall';
import { unpackObserved } from '../contracts/packed';
import { type ActivityDependencies, underFence } from './dependencies';
import { type FleetReader, Fleets } from './firewall-fleets';
import { lookAtRules, tryWays } from './firewall-looks';
import { pause } from './heartbeat';
import { eachSeen } from './several';

const looksAtOnce = 64;
/** The timer has gone off by then, and the host answers again. */
const afterTrialMs = 60_000;
const betweenLoginsMs = 1000;

export function firewallActivities(deps: ActivityDependencies, reader: FleetReader): FirewallActivities {
  const fleets = new Fleets(reader);
  const effect = async <T>(
    input: Pick<FirewallStepInput, 'spec' | 'host' | 'epoch'>,
    work: (firewall: HostConnection['firewall']) => Promise<T>,
  ) => {
    const { role, host } = firewallHost(input.spec, input.host);
    return deps
      .hostsFor(input.spec, role)
      .use(host, (connection) => underFence(connection, fenceOf(input), ({ firewall }) => work(firewall)));
  };
  const look = async (target: FirewallTarget) => lookAtRules(deps, target, await fleets.ofTarget(target));
  return {
    listFirewallHosts: ({ spec, action }) => fleets.list(spec, action === 'apply'),
    lookAtFirewall: look,
    async planFirewall({ spec, action, looks, observed }) {
      const foreign = foreignHosts(await unpackObserved(observed), deps.ownerId);
      return { ...planFirewall({ cluster: spec.name, action, looks }), ...(foreign.length > 0 && { foreign }) };
    },
    async stageFirewall(input) {
      const { sum, text } = await fleets.fresh(input);
      return effect(input, (firewall) => firewall.stage(input.spec.name, { sum, text }));
    },
    async tryFirewall(input) {
      const { sum, seconds, spec } = input;
      return { state: await effect(input, (firewall) => firewall.tryOut(spec.name, { sum, seconds })) };
    },
    probeFirewall: async (target) => tryWays(deps, target),
    keepFirewall: (input) => keep(deps, input),
    takeBackFirewall: (input) => effect(input, (firewall) => firewall.takeBack(input.spec.name)),
    async enableFirewall(input) {
      const { unit, unitSum } = await fleets.fresh(input);
      return effect(input, (firewall) => firewall.enable(input.spec.name, { sum: unitSum, text: unit }));
    },
    removeFirewall: (input) => effect(input, (firewall) => firewall.remove(input.spec.name)),
    async inspectFirewall({ spec, action }) {
      const startedAt = deps.now();
      const { hosts, fleet, enrolled } = await fleets.list(spec, action === 'apply');
      const looks = await eachSeen(hosts, looksAtOnce, ({ id }) => look({ spec, host: id, fleet }));
      return {
        plan: planFirewall({ cluster: spec.name, action, looks }),
        looks,
        enrolled,
        tookMs: deps.now() - startedAt,
      };
    },
  };
}

/** On nodes the cluster's own fence; on VMs one beside the agents', whose operations go on meanwhile. */
function fenceOf({ spec, host, epoch }: Pick<FirewallStepInput, 'spec' | 'host' | 'epoch'>) {
  const { role } = firewallHost(spec, host);
  return { cluster: spec.name, epoch, ...(role === 'vm' && { realm: 'firewall' as const }) };
}

/**
 * Logs in until it is let in. The host itself says what became of the rules: kept now, or taken back by its timer. A connection that is there already
 * proves nothing, since established ones are never cut.
 */
async function keep(deps: ActivityDependencies, input: FirewallTrialInput): Promise<FirewallVerdict> {
  const { spec, host, sum, seconds } = input;
  const until = Date.now() + seconds * 1000 + afterTrialMs;
  let shut: string | undefined;
  for (;;) {
    try {
      const { role, host: target } = firewallHost(spec, host);
      const login = await deps.hostsFor(spec, role).login(target);
      try {
        const answer = await underFence(login.connection, fenceOf(input), (c) => c.firewall.keep(spec.name, sum));
        if (answer === 'kept' || answer === 'kept-now') return { state: 'kept', changed: answer === 'kept-now' };
        return shut === undefined ? { state: 'late' } : { state: 'reverted', why: shut };
      } finally {
        await login.leave();
      }
    } catch (error) {
      const isShut = error instanceof HostUnreachableError || error instanceof OutcomeUnknownError;
      if (!isShut || Date.now() >= until) throw error;
      shut = error.message;
    }
    await pause(betweenLoginsMs);
  }
}
