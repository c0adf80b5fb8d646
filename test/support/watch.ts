import { type ChildProcess, spawn } from 'node:child_process';
import { createInterface } from 'node:readline';

/**
 * Watches the lab's hosts while something is under way: what their engines tell, what their load balancers say that they run with, and
 * whether their origins are ready; by docker and curl on the hosts, and by nothing of `src`.
 */
export interface Look {
  host: string;
  /** It was so at some time between these (ms since 1970). */
  from: number;
  to: number;
  /** Nodes that the load balancer of this host leaves out; undefined when it does not answer. */
  out?: string[];
  originReady: boolean;
}

export interface EngineEvent {
  host: string;
  at: number;
  action: string;
  container: string;
  signal?: number;
}

/** Ends when its input does, or its events: a host that is back answers before its engine does. Each round costs the host one process. */
const program = `
began=$EPOCHREALTIME
(
  until docker info > /dev/null 2>&1; do sleep 0.2; done
  exec docker events --since "$began" --filter type=container --filter event=kill --filter event=die --filter event=destroy \\
    --filter event=create --filter event=start \\
    --format 'E {{.TimeNano}} {{.Action}} {{.Actor.Attributes.name}} {{index .Actor.Attributes "signal"}}'
) &
trap "kill $! 2> /dev/null" EXIT
while kill -0 $! 2> /dev/null; do
  from=$EPOCHREALTIME
  said=$(curl -s -m 2 -w ' %{http_code}' http://127.0.0.1:5000/.krakenctl/config -o - http://127.0.0.1:8080/readiness -o /dev/null)
  printf 'L %s %s %s\\n' "$from" "$EPOCHREALTIME" "$(echo $said)"
  read -r -t 0.3 _
  [ $? -gt 128 ] || exit 0
done`;

export class Watch {
  readonly looks: Look[] = [];
  readonly events: EngineEvent[] = [];
  private readonly children = new Map<string, ChildProcess>();
  private readonly gone: Promise<void>[] = [];
  private stopped = false;

  /** Resolves when every host has been looked at. */
  static async start(hosts: Record<string, string>): Promise<Watch> {
    const watch = new Watch();
    for (const [host, container] of Object.entries(hosts)) watch.gone.push(watch.keepOn(host, container));
    await watch.until('each host is looked at', () => Object.keys(hosts).every((host) => watch.latest(host)));
    return watch;
  }

  latest(host: string): Look | undefined {
    return this.looks.findLast((look) => look.host === host);
  }

  /** Nodes that are left out now by every load balancer that answers. */
  leftOut(): string[] {
    const lists = [...this.children.keys()].flatMap((host) => {
      const out = this.latest(host)?.out;
      return out ? [out] : [];
    });
    return (lists[0] ?? []).filter((node) => lists.every((out) => out.includes(node)));
  }

  async until(what: string, isSo: () => unknown, timeoutMs = 60_000): Promise<void> {
    const deadline = Date.now() + timeoutMs;
    while (!isSo()) {
      if (Date.now() > deadline) throw new Error(`${what}: not within ${timeoutMs} ms`);
      await new Promise((resolve) => setTimeout(resolve, 50));
    }
  }

  async stop(): Promise<void> {
    this.stopped = true;
    for (const child of this.children.values()) child.stdin?.end();
    await Promise.all(this.gone);
  }

  /** A host that goes down ends the program; it is begun again when the host is back. */
  private async keepOn(host: string, container: string): Promise<void> {
    while (!this.stopped) {
      const child = spawn('docker', ['exec', '-i', container, 'bash', '-c', program], {
        stdio: ['pipe', 'pipe', 'ignore'],
      });
      this.children.set(host, child);
      child.stdin.on('error', () => undefined);
      createInterface({ input: child.stdout }).on('line', (line) => this.take(host, line));
      await new Promise((resolve) => child.once('close', resolve));
      if (!this.stopped) await new Promise((resolve) => setTimeout(resolve, 300));
    }
  }

  private take(host: string, line: string): void {
    const seen = readLine(host, line);
    if (seen && 'action' in seen) this.events.push(seen);
    else if (seen) this.looks.push(seen);
  }
}

/** `E <ns> <action> <container> <signal>` or `L <from> <to> <what the LB says> <status> <status>` */
export function readLine(host: string, line: string): Look | EngineEvent | undefined {
  const [kind, ...words] = line.trim().split(/\s+/);
  if (kind === 'E') {
    const [at = '', action = '', container = '', signal] = words;
    const number = /^\d+$/.test(signal ?? '') ? Number(signal) : undefined;
    return { host, at: Number(at) / 1e6, action, container, signal: number };
  }
  if (kind !== 'L' || words.length < 4) return undefined;
  const [from = '', to = '', ...said] = words;
  const [config, origin] = said.slice(-2);
  const out = said.slice(1, -2).flatMap((word) => /^out=(.*)$/.exec(word)?.[1]?.split(',') ?? []);
  return {
    host,
    from: Number(from) * 1000,
    to: Number(to) * 1000,
    ...(config === '200' ? { out } : {}),
    originReady: origin === '200',
  };
}
