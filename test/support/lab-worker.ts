import { type ChildProcess, spawn } from 'node:child_process';
import { existsSync, readFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { environment, root, until, workFolder } from './lab';

/** `krakenctl worker run` as a child of the campaign, with a fault in it. */
export class LabWorker {
  /** Why it ended; undefined while it lives. */
  ended: { signal: NodeJS.Signals | null; code: number | null } | undefined;
  readonly gone: Promise<void>;
  private output = '';

  private constructor(
    private readonly child: ChildProcess,
    private readonly log: string,
  ) {
    this.gone = new Promise((resolve) => {
      child.once('close', (code, signal) => {
        this.ended = { code, signal };
        resolve();
      });
    });
    for (const stream of [child.stdout!, child.stderr!]) {
      stream.on('data', (text: Buffer) => {
        this.output = (this.output + text).slice(-20_000);
      });
    }
  }

  /** Resolves when it polls. `failpoints` as KRAKENCTL_FAILPOINTS has them; empty for none. */
  static async start(failpoints: string, name: string): Promise<LabWorker> {
    const log = join(workFolder, `${name}.failpoints`);
    // Of a run that was killed.
    rmSync(log, { force: true });
    const child = spawn(process.execPath, [join(root, 'bin', 'krakenctl'), 'worker', 'run'], {
      cwd: workFolder,
      env: environment({ KRAKENCTL_FAILPOINTS: failpoints, KRAKENCTL_FAILPOINT_LOG: log }),
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    const worker = new LabWorker(child, log);
    await until('a worker polls', async () => {
      if (worker.ended) throw new Error(`the worker ended: ${worker.output}`);
      return worker.output.includes('polls at') ? true : undefined;
    });
    return worker;
  }

  /** What it reached, or which fault fired. */
  lines(): string[] {
    return existsSync(this.log) ? readFileSync(this.log, 'utf8').split('\n').filter(Boolean) : [];
  }

  get fired(): boolean {
    return this.lines().some((line) => /=(kill|freeze)$/.test(line));
  }

  get pid(): number {
    return this.child.pid!;
  }

  thaw(): void {
    this.child.kill('SIGCONT');
  }

  /** Takes nothing new, and ends when what it holds has ended. */
  async leave(): Promise<void> {
    this.child.kill('SIGTERM');
    await this.gone;
  }

  async kill(): Promise<void> {
    this.child.kill('SIGKILL');
    this.child.kill('SIGCONT');
    await this.gone;
  }
}
