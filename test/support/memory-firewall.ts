import type { FirewallHost } from '../../src/clients/host';
import type { FirewallFacts } from '../../src/cluster/firewall/observed';
import type { MemoryHost } from './memory-hosts';

/** A host's firewall in memory: what is loaded, what is kept, what is on trial, and the timer that takes it back. */
export interface MemoryFirewallState {
  loaded?: string;
  kept?: Rules;
  trial?: Rules;
  timer?: NodeJS.Timeout;
  reverted?: FirewallFacts['reverted'];
  unit?: string;
  enabled: boolean;
  /** Programs that are not there. */
  missing: string[];
  /** How often rules were loaded. */
  loads: number;
}

interface Rules {
  sum: string;
  text: string;
}

export function newFirewallState(): MemoryFirewallState {
  return { enabled: false, missing: [], loads: 0 };
}

/** A new login is dropped where rules on sshd do not name the worker. */
export function isShut(state: MemoryFirewallState, operator: string): boolean {
  const [, elements] = /set operators4 \{[^}]*elements = \{ ([^}]*) \}/.exec(state.loaded ?? '') ?? [];
  return elements !== undefined && !elements.split(', ').includes(operator);
}

function revert(state: MemoryFirewallState): void {
  clearTimeout(state.timer);
  state.timer = undefined;
  if (!state.trial) return;
  state.reverted = { at: new Date(0).toISOString(), sum: state.trial.sum, to: state.kept ? 'kept' : 'open' };
  state.loaded = state.kept?.text;
  state.trial = undefined;
}

export function memoryFirewall(host: MemoryHost, state: MemoryFirewallState): FirewallHost {
  const effect = <T>(name: string, work: () => T) => host.lab.effect(host.host.id, `firewall ${name}`, work);
  const isKept = (sum: string) => state.kept?.sum === sum && state.loaded === state.kept.text;
  return {
    async observe(): Promise<FirewallFacts> {
      const { loaded, kept, trial } = state;
      const whose = loaded === kept?.text ? 'kept' : loaded === trial?.text ? 'trial' : 'other';
      return {
        missing: state.missing,
        loaded: loaded === undefined ? 'none' : whose,
        keptSum: kept?.sum,
        trialSum: trial?.sum,
        unitSum: state.unit,
        enabled: state.enabled,
        armedSeconds: state.timer ? 1 : undefined,
        reverted: state.reverted,
      };
    },
    async stage(_cluster, rules) {
      if (state.trial?.sum === rules.sum && state.timer) return { changed: false };
      if (state.trial) revert(state);
      await effect('stage', () => {
        state.trial = rules;
      });
      return { changed: true };
    },
    async tryOut(_cluster, { sum, seconds }) {
      if (!state.trial && isKept(sum)) return 'kept';
      if (state.trial?.sum !== sum) return 'gone';
      await effect('try', () => {
        clearTimeout(state.timer);
        state.timer = setTimeout(() => revert(state), seconds * 1000);
        state.timer.unref();
        state.loaded = state.trial!.text;
        state.loads += 1;
      });
      return 'loaded';
    },
    async keep(_cluster, sum) {
      if (!state.trial) {
        if (isKept(sum)) return 'kept';
        return state.reverted?.sum === sum ? 'reverted' : 'gone';
      }
      if (state.trial.sum !== sum) return 'gone';
      if (state.loaded !== state.trial.text) return 'unloaded';
      await effect('keep', () => {
        state.kept = state.trial;
        state.trial = undefined;
        state.reverted = undefined;
        clearTimeout(state.timer);
        state.timer = undefined;
      });
      return 'kept-now';
    },
    async takeBack() {
      if (!state.trial) return { changed: false };
      await effect('take back', () => revert(state));
      return { changed: true };
    },
    async enable(_cluster, { sum }) {
      if (state.unit === sum && state.enabled) return { changed: false };
      await effect('enable', () => {
        state.unit = sum;
        state.enabled = true;
      });
      return { changed: true };
    },
    async remove() {
      if (!state.loaded && !state.kept && !state.trial && !state.unit && !state.reverted) return { changed: false };
      await effect('remove', () => {
        clearTimeout(state.timer);
        Object.assign(state, {
          loaded: undefined,
          kept: undefined,
          trial: undefined,
          unit: undefined,
          timer: undefined,
        });
        state.reverted = undefined;
        state.enabled = false;
      });
      return { changed: true };
    },
  };
}
