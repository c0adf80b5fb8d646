/** What a gate says while it waits, in its heartbeats: why it is not passed yet. */
export type GateBeat =
  | { gate: 'ready'; host: string; part: string; answer: string }
  | { gate: 'redis-whole'; because: string }
  /** Of the node that is to go: what does not serve on another one. */
  | { gate: 'others'; host: string; because: string }
  | { gate: 'quiet'; host: string; connections: number; uploads: number }
  | { gate: 'canary'; host: string; failure: { part: string; what: string } }
  /** Absent: no agent was found yet. */
  | { gate: 'agent'; host: string; vm?: string; because: string }
  /** How many of the blobs and tags that others took in are not there yet. */
  | { gate: 'caught-up'; host: string; missing: number }
  /** Parts that did not answer when they were asked last: `node-1 origin`. */
  | { gate: 'steady'; secondsLeft: number; failing?: string[] }
  /** VMs that installed themselves and have their turn. */
  | { gate: 'installed'; there: number; of: number; waiting: string[] };
