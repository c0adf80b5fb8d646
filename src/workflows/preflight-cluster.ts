import type { KernelMend } from '../cluster/preflight/findings';
import type { ClusterSpec } from '../cluster/spec';
import type { PreflightInput, PreflightReport } from '../contracts/activities';
import { effects, lookers } from './activities';

/** `check` through the worker, which is who will do the deploy. Changes nothing. */
export async function preflightCluster(input: PreflightInput): Promise<PreflightReport> {
  return lookers.preflightCluster(input);
}

export interface MendInput {
  spec: ClusterSpec;
  mends: { host: string; mend: KernelMend }[];
}

/** `check --apply`: what is safe to set right, one setting on one host at a time, hosts side by side. */
export async function mendHosts({ spec, mends }: MendInput): Promise<{ changed: number }> {
  const hosts = [...new Set(mends.map((m) => m.host))];
  const counts = await Promise.all(
    hosts.map(async (host) => {
      let changed = 0;
      for (const { mend } of mends.filter((m) => m.host === host)) {
        const summary = `${host}: ${mend.setting} = ${mend.value}`;
        const done = await effects.ensureKernelSetting.executeWithOptions({ summary }, [{ spec, host, mend }]);
        if (done.changed) changed += 1;
      }
      return changed;
    }),
  );
  return { changed: counts.reduce((sum, n) => sum + n, 0) };
}
