import { getEventListeners } from 'node:events';

/** How a person or the system asks this process to end. */
export interface Interrupts {
  /** Aborts with the first. */
  signal: AbortSignal;
  /** Whether another Ctrl-C comes within the time; it is an answer then, and ends nothing. */
  again(withinMs: number): Promise<boolean>;
}

/** The first asks those who listen, so that they let go in order. Without any, and the second time, it is obeyed at once. */
export class ProcessInterrupts implements Interrupts {
  private readonly ending = new AbortController();
  private heard?: () => void;

  get signal(): AbortSignal {
    return this.ending.signal;
  }

  /** True where the process is to end at once. */
  receive(name: 'SIGINT' | 'SIGTERM'): boolean {
    if (name === 'SIGINT' && this.heard) {
      this.heard();
      return false;
    }
    if (this.signal.aborted || getEventListeners(this.signal, 'abort').length === 0) return true;
    this.ending.abort(name);
    return false;
  }

  async again(withinMs: number): Promise<boolean> {
    // Ended by the system, nobody is there to type.
    if (this.signal.reason === 'SIGTERM') return false;
    let timer: NodeJS.Timeout | undefined;
    try {
      return await new Promise<boolean>((resolve) => {
        this.heard = () => resolve(true);
        timer = setTimeout(() => resolve(false), withinMs);
      });
    } finally {
      clearTimeout(timer);
      this.heard = undefined;
    }
  }
}
