import type { Backends } from './backend';
import type { BlobStore } from './blob-store';
import type { HashRing } from './hash-ring';
import type { WriteBackQueue } from './write-back';

/** Keeps blobs: two or more origins hold each, and each writes what it got to its backend. */
export interface Origin {
  address: string;
  store: BlobStore;
  ring: HashRing;
  backends: Backends;
  queue: WriteBackQueue;
  /** How long a replica waits before it also writes to the backend. */
  staggerMs: number;
}
