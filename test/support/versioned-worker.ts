import { createActivities } from '../../src/activities';
import { isAlive, workerIdentity } from '../../src/cli/pollers';
import { type Release, showRelease } from '../../src/releases/release';
import { runWorker } from '../../src/workers/run';
import { RemoteHosts } from '../campaign/remote-hosts';

/** The product's worker as a process, of a release and with workflow code that the test names, over hosts that the test keeps. */
const { WORKER_RELEASE, WORKER_BUNDLE } = process.env;
const release = JSON.parse(WORKER_RELEASE!) as Release;
const hosts = new RemoteHosts();
const stop = new AbortController();
const tell = (message: object) => process.send!(message);

process.on('SIGTERM', () => stop.abort());
process.on('disconnect', () => process.exit(0));

runWorker({
  identity: workerIdentity(showRelease(release)),
  release,
  isAlive,
  signal: stop.signal,
  bundle: WORKER_BUNDLE,
  note: (note) => tell({ note }),
  onReady: () => tell({ ready: true }),
  composition: {
    activities: createActivities({
      hostsFor: () => hosts,
      archives: { identify: async () => undefined, open: async () => Promise.reject(new Error('no archive')) },
      ownerId: 'owner-1',
      now: Date.now,
    }),
    hostsFor: () => hosts,
    close: async () => undefined,
  },
}).then(
  () => process.exit(0),
  (error) => {
    console.error(error);
    process.exit(1);
  },
);
