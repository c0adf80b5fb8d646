/** What is seen of an agent on its VM. */
export interface AgentFacts {
  /** Of the unit `kraken-agent`, in systemd's words; `absent` where there is none. */
  unit: string;
  /** Starts with the VM. */
  enabled: boolean;
  /** Cluster and krakenctl that the unit names. */
  cluster?: string;
  owner?: string;
  /** Release to which the VM's link leads. */
  current?: string;
  /** The release that was asked for lies there whole. */
  complete: boolean;
  container?: AgentContainer;
  /** The image that was asked for is in the VM's engine. */
  image: boolean;
  /** Hex SHA-256 of its credential's file; `unread` where its ways may go by another one yet. */
  login?: string;
  /** Release of its ways to the load balancers, where they run. */
  gateway?: string;
  /** Class of P2P settings that the agent chose at its start, and the address under which it announces itself. */
  choice?: { className: string; cores: number; memoryMebibytes: number; linkMbit?: number; peer: string };
  /** A cluster whose parts run on this machine: an agent would want their ports. */
  nodeOf?: string;
  /** Programs on other feet than ours that hold a port of the agent. */
  takenPorts: { port: number; program: string }[];
  /** Programs that the agent needs and that are not there. */
  missing: string[];
  /** Free bytes where the Engine keeps its layers. */
  freeBytes: number;
}

export interface AgentContainer {
  release: string;
  /** Docker's State.Status. */
  state: string;
  startedAt: string;
  /** `reference` as the container was made. */
  image: string;
  /** It is the image that was asked for, whatever release the container was made for. */
  isWanted: boolean;
}

export type ObservedAgent =
  | ({ vm: string; reachable: true; ready: boolean; tookMs: number } & AgentFacts)
  | { vm: string; reachable: false; error: string };

export type SeenAgent = Extract<ObservedAgent, { reachable: true }>;
