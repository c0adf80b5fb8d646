/** How a change goes over the nodes. */
export interface RolloutPace {
  /** Nodes at once, where their parts allow it. */
  batch: number;
  /** How long changed parts are watched before the next node begins; the default watches the first node whose parts are replaced. */
  bakeMs?: number;
  /** A person is asked before each node: then what changes in place goes node by node, too. */
  approveEachNode?: boolean;
  /** It takes a change back: what may be no fault of that is told, and fails nothing. */
  back?: true;
}
