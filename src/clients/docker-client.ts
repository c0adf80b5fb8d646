import type Docker from 'dockerode';

/** What every verb needs: the client and whose engine it is. */
export interface EngineClient {
  docker: Docker;
  host: string;
  /** Runs a request and gives its failure a name. */
  ask<T>(what: string, request: () => Promise<T>): Promise<T>;
}
