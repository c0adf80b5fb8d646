import { readdir, writeFile } from 'node:fs/promises';
import { docker, tryDocker } from './docker';
import { pause } from './engine';
import { ensureConnected, type LabHost, waitForHost } from './hosts';

/** What happens to hosts in real life. Each is idempotent: done to a host in that state already, it changes nothing. */

/** Everything on the host ends at once, unflushed writes of its processes are lost; its disk stays. */
export async function powerCut({ container }: LabHost): Promise<void> {
  // A frozen host cannot be killed on every engine.
  await tryDocker(['unpause', container]);
  const killing = tryDocker(['kill', '--signal', 'KILL', container]);
  const killed = await untilDone(killing, () => thawInside(container));
  if (killed.code !== 0 && !/is not running/.test(killed.stderr)) throw new Error(killed.stderr.trim());
}

/** Resolves once sshd and the host's engine answer again. */
export async function powerOn(host: LabHost): Promise<void> {
  await docker(['start', host.container]);
  await waitForHost(host);
}

/** A host that hangs: it keeps its connections and answers nothing. Its containers hang with it. */
export async function freeze({ container }: LabHost): Promise<void> {
  const paused = await tryDocker(['pause', container]);
  if (paused.code !== 0 && !/already paused/.test(paused.stderr)) throw new Error(paused.stderr.trim());
}

export async function thaw({ container }: LabHost): Promise<void> {
  const resumed = await tryDocker(['unpause', container]);
  if (resumed.code !== 0 && !/is not paused/.test(resumed.stderr)) throw new Error(resumed.stderr.trim());
}

/** The host runs on, and nobody reaches it. */
export async function partition({ container, network }: LabHost): Promise<void> {
  const cut = await tryDocker(['network', 'disconnect', '--force', network, container]);
  if (cut.code !== 0 && !/is not connected/.test(cut.stderr)) throw new Error(cut.stderr.trim());
}

export async function reconnect(host: LabHost): Promise<void> {
  await ensureConnected(host);
}

/**
 * On cgroup v1 a paused container inside a host survives SIGKILL until it is thawed, and the host with it. Those that the
 * signal has reached already die without running on. Done from outside, since nothing starts any more in a dying host.
 */
export async function thawInside(container: string): Promise<void> {
  const id = (await tryDocker(['container', 'inspect', '--format', '{{.Id}}', container])).stdout.trim();
  if (id === '') return;
  const parent = `/sys/fs/cgroup/freezer/docker/${id}/containers`;
  const frozen = await readdir(parent, { withFileTypes: true }).catch(() => []);
  for (const entry of frozen.filter((it) => it.isDirectory())) {
    await writeFile(`${parent}/${entry.name}/freezer.state`, 'THAWED').catch(() => undefined);
  }
}

/** Repeats `push` for as long as the work has not ended by itself. */
export async function untilDone<T>(work: Promise<T>, push: () => Promise<void>): Promise<T> {
  let done = false;
  const result = work.finally(() => {
    done = true;
  });
  result.catch(() => undefined);
  for (let waited = 0; waited < 20_000; waited += 200) {
    await Promise.race([result.catch(() => undefined), pause(200)]);
    if (done) break;
    await push();
  }
  return result;
}
