import type { LoadedRules } from './loaded';
import type { FirewallDifference } from './wanted';

/** What is seen of a cluster's rules on one host. */
export interface FirewallFacts {
  /** Programs that are needed and that are not there. */
  missing: string[];
  /** Why nft does not work here. */
  error?: string;
  /** Whose rules are loaded, to the letter: those that are kept, those on trial, or others. */
  loaded: 'none' | 'kept' | 'trial' | 'other';
  rules?: LoadedRules;
  /** Hex SHA-256 of the files. */
  keptSum?: string;
  trialSum?: string;
  unitSum?: string;
  /** The unit is enabled and has run: the rules come back with the host. */
  enabled: boolean;
  /** Seconds until rules on trial are taken back; absent: no timer runs. */
  armedSeconds?: number;
  /** The last trial that was taken back, since then none was kept. */
  reverted?: { at: string; sum: string; to: 'kept' | 'open' };
}

/** A look at one host, beside what shall be there. */
export type FirewallLook =
  | ({
      host: string;
      role: 'node' | 'vm';
      reachable: true;
      /** Of the rules that shall be there. */
      sum: string;
      /** The unit's text is as it shall be. */
      unit: boolean;
      unitPresent: boolean;
      differences: FirewallDifference[];
      dropped: LoadedRules['dropped'];
    } & Omit<FirewallFacts, 'rules' | 'unitSum'>)
  | { host: string; role: 'node' | 'vm'; reachable: false; error: string };

export type SeenFirewall = Extract<FirewallLook, { reachable: true }>;
