import { createHash } from 'node:crypto';

/** A member of the swarm, as it is written in announces: its id is a list of 20 bytes there. */
export interface Peer {
  peer_id: number[];
  ip: string;
  port: number;
  origin: boolean;
  complete: boolean;
}

/** Derived from the address, so that a restarted peer is the same peer. */
export function peerIdOf(ip: string, port: number): number[] {
  return [...createHash('sha1').update(`${ip}:${port}`).digest()];
}
