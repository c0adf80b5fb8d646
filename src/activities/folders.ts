import { clusterFolder, clusterFolderKinds } from '../cluster/names';
import type { FolderActivities } from '../contracts/activities';
import { type ActivityDependencies, connectPlainly, fenced } from './dependencies';
import { ActivityError } from './failures';

export function folderActivities(deps: ActivityDependencies): FolderActivities {
  return {
    async measureFolders({ spec, host }) {
      const connection = await connectPlainly(deps, spec, host);
      const paths = clusterFolderKinds.map((kind) => clusterFolder(spec.name, kind));
      return { host, folders: await connection.folders.measure(paths) };
    },
    async removeFolder({ spec, epoch, step }) {
      const ours = clusterFolderKinds.map((kind) => clusterFolder(spec.name, kind));
      if (!ours.includes(step.target)) {
        const message = `${step.target} is no folder of cluster ${spec.name}`;
        throw new ActivityError('FOREIGN_RESOURCE', message, { host: step.host, final: true });
      }
      return fenced(deps, { spec, host: step.host, epoch }, (connection) => connection.folders.remove(step.target));
    },
  };
}
