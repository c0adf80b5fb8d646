import { Readable } from 'node:stream';
import { fatal } from './log';

/** How a part of a version that is bad on purpose goes wrong. */
export interface Fault {
  endsAfterMs?: number;
  lastWords?: string;
  readyAfterMs?: number;
  /** Ready, and what it serves is not what it has. */
  isWrong?: boolean;
  /** Ready, and hangs up on every peer. */
  isMute?: boolean;
}

const named: Record<string, (part: string) => Fault> = {
  'v0.1.28-rc1': (part) => (part === 'origin' ? { endsAfterMs: 5, lastWords: noCertificate } : {}),
  'v0.1.28-rc2': () => ({ readyAfterMs: Number.POSITIVE_INFINITY }),
  'v0.1.28-rc3': () => ({ endsAfterMs: 5_000, lastWords: badAddress }),
  'v0.1.28-slow': () => ({ readyAfterMs: 8_000 }),
};
const noCertificate = 'invalid TLS config: stat : no such file or directory';
const badAddress = 'unexpected fault address 0x0';

/** `-crash60`, `-unready`, `-wrong` and `-mute` end a version, for all its parts or for the one that follows: `v0.1.28-wrong-proxy`. All others behave. */
export function faultOf(version: string, part: string): Fault {
  const known = named[version];
  if (known) return known(part);
  const [, word, seconds, only] = /-(unready|wrong|mute|crash(\d{1,4}))(?:-([a-z-]+))?$/.exec(version) ?? [];
  if (word === undefined || (only !== undefined && only !== part)) return {};
  if (word === 'unready') return { readyAfterMs: Number.POSITIVE_INFINITY };
  if (word === 'wrong') return { isWrong: true };
  if (word === 'mute') return { isMute: true };
  return { endsAfterMs: Number(seconds) * 1000, lastWords: badAddress };
}

const startedAt = Date.now();
let fault: Fault = {};

export const version = process.env.STAND_IN_VERSION ?? 'unknown';

/** Faults that the contract suite must find: it proves by them that it can fail. */
export type Plant = 'ignores-tls' | 'loses-replicas' | 'peers-in-memory' | 'relative-location' | 'forgets-queue';

export function isPlanted(plant: Plant): boolean {
  return (process.env.STAND_IN_PLANT ?? '').split(',').includes(plant);
}

/** From now on this program is that part of its version, with its fault. */
export function misbehave(part: string): void {
  fault = faultOf(version, part);
  const { endsAfterMs, lastWords } = fault;
  if (endsAfterMs !== undefined) setTimeout(() => fatal(lastWords ?? ''), endsAfterMs);
}

/** True while the version's fault keeps the part from being ready. */
export function isHeldBack(): boolean {
  return Date.now() - startedAt < (fault.readyAfterMs ?? 0);
}

/** True of a part that is well but for its peers. */
export function isMute(): boolean {
  return fault.isMute === true;
}

/** A blob as it leaves this part: of one that serves wrong bytes as long, and another. */
export function asServed(content: Readable): Readable {
  return fault.isWrong ? Readable.from(spoiled(content)) : content;
}

async function* spoiled(content: Readable): AsyncGenerator<Buffer> {
  for await (const chunk of content) {
    const other = Buffer.from(chunk as Buffer);
    other[0]! ^= 0xff;
    yield other;
  }
}

/** What a tracker says of a blob's pieces. */
export function asDescribed(metaInfo: string): string {
  return fault.isWrong ? metaInfo.replace(/("PieceSums":\[)\d+/, '$10') : metaInfo;
}

/** Whom a tracker hands out: of one that is wrong, nobody who is there. */
export function asHandedOut<T extends { port: number }>(peers: T[] | null): T[] | null {
  return fault.isWrong ? (peers?.map((peer) => ({ ...peer, port: 1 })) ?? null) : peers;
}
