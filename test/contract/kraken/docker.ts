import { execFile } from 'node:child_process';

/** The Docker CLI of this machine, with argv arrays. */
export interface Ended {
  code: number;
  out: string;
  err: string;
}

export function tryDocker(args: string[], timeoutMs = 120_000): Promise<Ended> {
  return new Promise((resolve) => {
    const options = { timeout: timeoutMs, maxBuffer: 64 << 20 };
    execFile(process.env.DOCKER ?? 'docker', args, options, (error, out, err) => {
      const code = error ? (typeof error.code === 'number' ? error.code : 255) : 0;
      resolve({ code, out: out.trimEnd(), err: error && out + err === '' ? error.message : err.trimEnd() });
    });
  });
}

/** Standard output. @throws {Error} with what Docker said. */
export async function docker(...args: string[]): Promise<string> {
  const { code, out, err } = await tryDocker(args);
  if (code !== 0) throw new Error(`docker ${args.slice(0, 4).join(' ')}: ${err}`);
  return out;
}

export function pause(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms));
}

/** Tries again until it no longer throws. @throws what it threw last. */
export async function eventually<T>(attempt: () => Promise<T>, withinMs = 20_000): Promise<T> {
  for (const deadline = Date.now() + withinMs; ; await pause(100)) {
    try {
      return await attempt();
    } catch (error) {
      if (Date.now() > deadline) throw error;
    }
  }
}
