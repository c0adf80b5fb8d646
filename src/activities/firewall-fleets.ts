import { createHash } from 'node:crypto';
import { type VmAddress, vmHost } from '../cluster/agents/vm';
import { mostFirewalls } from '../cluster/firewall/firewall-plan';
import { firewallHost, firewallHosts, namelessHosts } from '../cluster/firewall/rules';
import { type WantedFirewall, wantedFirewall } from '../cluster/firewall/wanted';
import type { ClusterSpec } from '../cluster/spec';
import type { AgentActivities } from '../contracts/agents';
import type { FirewallFleet, FirewallStepInput, FirewallTarget } from '../contracts/firewall';
import { ActivityError } from './failures';

export type FleetReader = Pick<AgentActivities, 'readFleet'>;

/** Lists of VMs by their mark: thousands of steps carry the mark, and a worker that does not know it yet reads the list once. */
export class Fleets {
  private readonly known = new Map<string, VmAddress[]>();
  private readonly rendered = new Map<string, WantedFirewall>();

  constructor(private readonly reader: FleetReader) {}

  async list(spec: ClusterSpec, needsAddresses: boolean): Promise<FirewallFleet> {
    const { record, enrolled, unseen } = await this.reader.readFleet({ spec, enrolled: 'addresses' });
    const vms = record?.agents ?? [];
    if (needsAddresses) refuseNames(spec, vms);
    const listed = new Set(vms.map((vm) => vmHost(vm).address));
    return {
      hosts: firewallHosts(spec, vms).map(({ id, role }) => ({ id, role })),
      fleet: this.remember(vms),
      enrolled: enrolled.map(({ address }) => address).filter((address) => !listed.has(address)),
      unseen,
    };
  }

  async ofTarget({ spec, fleet }: Pick<FirewallTarget, 'spec' | 'fleet'>): Promise<VmAddress[]> {
    const known = this.known.get(fleet);
    if (known) return known;
    const { record } = await this.reader.readFleet({ spec, enrolled: 'addresses' });
    const vms = record?.agents ?? [];
    if (this.remember(vms) === fleet) return vms;
    throw new ActivityError('PLAN_STALE', 'the list of VMs is another than when the rules were planned', {
      final: true,
      hint: 'again: krakenctl firewall apply',
    });
  }

  /** @throws {ActivityError} PLAN_STALE where this worker renders others than were planned. */
  async fresh(input: FirewallStepInput): Promise<WantedFirewall> {
    const key = `${input.host} ${input.sum}`;
    const wanted =
      this.rendered.get(key) ??
      wantedFirewall(input.spec, await this.ofTarget(input), firewallHost(input.spec, input.host));
    if (wanted.sum !== input.sum) {
      throw new ActivityError('PLAN_STALE', 'this worker renders other rules than those that were planned', {
        host: input.host,
        final: true,
        hint: 'run it again with this version',
      });
    }
    if (this.rendered.size >= mostFirewalls) this.rendered.clear();
    this.rendered.set(key, wanted);
    return wanted;
  }

  private remember(vms: VmAddress[]): string {
    const mark = createHash('sha256').update(vms.join('\n')).digest('hex').slice(0, 16);
    if (this.known.size >= 4) this.known.delete(this.known.keys().next().value!);
    this.known.set(mark, vms);
    return mark;
  }
}

function refuseNames(spec: ClusterSpec, vms: VmAddress[]): void {
  const [first, ...others] = namelessHosts(spec, vms);
  if (!first) return;
  const more = others.length > 0 ? ` (and ${others.length} more)` : '';
  const text = `${first.field} is the name ${first.name}${more}, and rules are made of addresses, which a host knows before it has a network`;
  const hint =
    first.field === 'the agent'
      ? `bring the agent by its address: krakenctl agent deploy ADDRESS, krakenctl agent remove ${first.name}`
      : `write its IPv4 address into ${first.field}`;
  throw new ActivityError('ADDRESS_NEEDED', text, { host: first.host, final: true, hint });
}
