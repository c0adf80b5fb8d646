/** What a lab tells while it works: each step starts, says at least every 5 s that it goes on, and ends. */
export interface LabProgress {
  step:
    | 'engine'
    | 'limits'
    | 'base-image'
    | 'host-image'
    | 'part-images'
    | 'kraken-images'
    | 'network'
    | 'registry'
    | 'hosts'
    | 'preload'
    | 'down';
  message: string;
  state: 'start' | 'running' | 'done' | 'failed';
  /** Since the step's start. */
  seconds?: number;
}

export type OnProgress = (event: LabProgress) => void;

const stillRunningEveryMs = 5_000;

export interface StepWords {
  /** While it runs. */
  message: string;
  onProgress: OnProgress | undefined;
}

/** Says what is being done at this moment, and is said again every 5 s. */
export type Note = (message: string) => void;

/** Runs `work` as one step. What it resolves with may carry the words for its end. */
export async function runStep<T>(
  step: LabProgress['step'],
  { message, onProgress }: StepWords,
  work: (note: Note) => Promise<{ result: T; message?: string }>,
): Promise<T> {
  const startedAt = Date.now();
  let current = message;
  const say = (state: LabProgress['state'], text: string) =>
    onProgress?.({ step, state, message: text, seconds: (Date.now() - startedAt) / 1000 });
  say('start', message);
  const timer = setInterval(() => say('running', current), stillRunningEveryMs);
  try {
    const { result, message: ending } = await work((text) => {
      current = text;
    });
    say('done', ending ?? message);
    return result;
  } catch (error) {
    say('failed', error instanceof Error ? error.message : String(error));
    throw error;
  } finally {
    clearInterval(timer);
  }
}
