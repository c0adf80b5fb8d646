import type { ClusterSpec, PartName, TlsStage } from '../cluster/spec';

/** A port with TLS, or one that should have it, and what it shows to whoever comes. */
export interface TlsEndpoint {
  host: string;
  part: PartName;
  port: number;
  shows: ShownCertificate | 'plain' | 'nothing';
  /** The serial that it should show, upper-case hex; absent where this krakenctl cannot tell. */
  expected?: string;
}

export interface ShownCertificate {
  /** Upper-case hex. */
  serial: string;
  names: string;
  issuer: string;
  /** ISO time. */
  until: string;
  /** By the authorities of the record, for the name that all parts ask for, now. */
  isBelieved: boolean;
}

export interface TlsInspection {
  /** As recorded; `off` where there is no TLS. */
  stage: TlsStage | 'off';
  endpoints: TlsEndpoint[];
  unseen: { host: string; error: string }[];
  tookMs: number;
}

export interface TlsActivities {
  /** A handshake with every port. Changes nothing. */
  inspectTls(input: { spec: ClusterSpec }): Promise<TlsInspection>;
}
