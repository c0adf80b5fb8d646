import { setWorkflowOptions, workflowInfo } from '@temporalio/workflow';

/**
 * For a workflow that outlives releases: it goes on with the code of the newest, which must therefore replay what older ones recorded. All
 * others are pinned to the code that they began with. A worker without versions may not name either: Temporal refuses its answers.
 */
export function followsReleases<A extends unknown[], R>(workflow: (...args: A) => Promise<R>): void {
  const isVersioned = () => Boolean(workflowInfo().currentDeploymentVersion?.deploymentName);
  setWorkflowOptions(() => (isVersioned() ? { versioningBehavior: 'AUTO_UPGRADE' } : {}), workflow);
}
