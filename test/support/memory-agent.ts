import { createHash } from 'node:crypto';
import { FencedOffError, ForeignOwnerError } from '../../src/clients/errors';
import type { AgentHost, InstallSource, Turns } from '../../src/clients/host';
import type { AgentFacts } from '../../src/cluster/agents/observed';
import type { MemoryHost } from './memory-hosts';
import { deafTo } from './memory-tls';

/** A VM's agent in memory: releases, which of them is current, and whether the unit runs. */
export interface MemoryAgentState {
  releases: Set<string>;
  current?: string;
  running?: string;
  /** Of its releases, those that speak TLS to the load balancers: whom they believe. */
  believed: Map<string, string>;
  /** The file with its credential. */
  login?: string;
  /** Owner that the unit names. */
  owner?: string;
  /** What a test wants to be seen. */
  facts: Partial<AgentFacts>;
}

export function memoryAgent(host: MemoryHost, state: MemoryAgentState): AgentHost {
  const { lab } = host;
  const id = host.host.id;
  return {
    async observe({ release, image }) {
      const reference = image.split('@')[0];
      return {
        unit: state.current ? (state.running ? 'active' : 'inactive') : 'absent',
        enabled: state.current !== undefined,
        owner: state.owner,
        current: state.current,
        complete: state.releases.has(release),
        container: state.running
          ? { release: state.running, state: 'running', startedAt: '2026-11-23T00:00:00Z', image, isWanted: true }
          : undefined,
        image: [...host.loaded.keys()].some((name) => name.startsWith(`${reference}:`)),
        takenPorts: [],
        missing: [],
        freeBytes: 1e11,
        login: state.login && createHash('sha256').update(state.login).digest('hex'),
        gateway: state.login || state.believed.has(state.running ?? '') ? state.running : undefined,
        ...state.facts,
      };
    },
    async install(_cluster, { id: release, archive }) {
      if (state.releases.has(release)) return { changed: false };
      await lab.effect(id, `install ${release}`, () => {
        state.releases.add(release);
        const text = archive.toString('latin1');
        const trusted = /-----BEGIN CERTIFICATE-----[\s\S]+-----END CERTIFICATE-----/.exec(text);
        if (/proxy_pass https:/.test(text)) state.believed.set(release, trusted?.[0] ?? '');
      });
      return { changed: true };
    },
    async activate(_cluster, { release, owner, before }) {
      refuseForeign(host, state, owner);
      if (!state.releases.has(release)) throw new Error(`no release ${release}`);
      if (state.running === release) return { changed: false };
      await lab.effect(id, `activate ${release}`, () => {
        state.current = release;
        state.running = release;
        if (before && before.release !== release) state.releases = new Set([release, ...onlyThere(state, before)]);
      });
      return { changed: true };
    },
    async putBack(_cluster, { release, owner, before }) {
      refuseForeign(host, state, owner);
      await lab.effect(id, `put back ${before ? 'the one before' : 'nothing'}`, () => {
        if (before) {
          state.current = before;
          state.running = before;
        }
        state.releases.delete(release);
      });
      return { changed: true };
    },
    async giveLogin(_cluster, file) {
      if (state.login === file) return { changed: false };
      await lab.effect(id, `login ${file === undefined ? 'gone' : 'given'}`, () => {
        state.login = file;
      });
      return { changed: true };
    },
    async deactivate(_program, owner) {
      refuseForeign(host, state, owner);
      if (!state.current && state.releases.size === 0) return { changed: false };
      await lab.effect(id, 'deactivate', () => {
        state.current = undefined;
        state.running = undefined;
        state.login = undefined;
        state.releases.clear();
      });
      return { changed: true };
    },
    async restart() {
      await lab.effect(id, 'restart agent', () => undefined);
    },
    async pull(image) {
      const digest = /@(sha256:[0-9a-f]{64})$/.exec(image)?.[1];
      if (!state.running) return { ok: false, image, error: { code: 'AGENT_AWAY', message: 'the agent is away' } };
      const [wrong] = deafTo(host);
      if (wrong) return { ok: false, image, error: { code: 'NOT_SERVED', message: wrong } };
      return { ok: true, image, digest, via: 'agent', seconds: 0.1 };
    },
    forget: async () => undefined,
    tail: async () => 'last line',
    follow: async () => undefined,
  };
}

function refuseForeign(host: MemoryHost, { owner, facts }: MemoryAgentState, ours: string): void {
  const found = facts.owner ?? owner;
  if (found !== undefined && found !== ours) throw new ForeignOwnerError(`it belongs to ${found}`, host.host.id);
}

function onlyThere({ releases }: MemoryAgentState, { release }: { release?: string }): string[] {
  return release !== undefined && releases.has(release) ? [release] : [];
}

/** `/install` of a load balancer in memory. */
export function memoryInstalls(host: MemoryHost): InstallSource {
  let published: string | undefined;
  let epoch: number | undefined;
  let turns: Turns['to'] = [];
  return {
    async publish(_cluster, bundle) {
      if (turns !== 'all' || published !== bundle.id) turns = published === undefined ? 'all' : [];
      epoch = bundle.epoch;
      host.lab.served = { release: bundle.release, epoch };
      if (published === bundle.id) return { changed: false };
      await host.lab.effect(host.host.id, `publish ${bundle.id}`, () => {
        published = bundle.id;
      });
      return { changed: true };
    },
    async giveTurns(_cluster, given) {
      if (epoch !== given.epoch) throw new FencedOffError('another operation', host.host.id, epoch ?? 0);
      const names = given.to === 'all' ? 'all' : given.to.join(' ');
      await host.lab.effect(host.host.id, `turns ${names}`, () => {
        turns = turns === 'all' || given.to === 'all' ? 'all' : [...turns, ...given.to];
      });
      return { changed: true };
    },
    async dismiss(_cluster, { addresses, mark }) {
      await host.lab.effect(host.host.id, `dismiss ${addresses.join(' ')} ${mark > 0}`, () => undefined);
      return { changed: true };
    },
    applicants: async (_cluster, token) => host.lab.applicants.get(token) ?? [],
    look: async () => ({ published, epoch, forAll: turns === 'all', enrolled: host.lab.enrolled }),
  };
}
