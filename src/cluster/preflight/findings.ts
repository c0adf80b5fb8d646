/** One line of `krakenctl check`. */
export interface Finding {
  /** Stable, for scripts; docs/preflight.md has them all. */
  code: string;
  level: 'failure' | 'warning';
  host?: string;
  /** What was seen, in one line. */
  what: string;
  why: string;
  mend: string;
  /** What `check --apply` does about it; absent where a person must. */
  apply?: KernelMend;
}

export interface KernelMend {
  setting: string;
  value: string;
}
