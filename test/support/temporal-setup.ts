import { mkdirSync, mkdtempSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { TestWorkflowEnvironment } from '@temporalio/testing';
import { bundleWorkflowCode, DefaultLogger } from '@temporalio/worker';
import { temporalServerBinary } from '../../src/cli/temporal-server';
import { searchAttributes } from '../../src/contracts/queues';
import { benchNamespaces } from './bench-namespaces';

/** One for each test of `versioning.test.ts`: a namespace of the server's own beginning is ready at once. */
export const versionNamespaces = ['upgrade', 'stay', 'fleet', 'unversioned'].map((name) => `versions-${name}`);

const drainage = ['RefreshInterval', 'VisibilityGracePeriod'];

/** One dev server and one workflow bundle for all files of the project. */
export default async function setup(): Promise<void> {
  const folder = mkdtempSync(join(tmpdir(), 'krakenctl-test-'));
  mkdirSync(folder, { recursive: true });
  const [path, bundle] = await Promise.all([
    temporalServerBinary(),
    bundleWorkflowCode({
      workflowsPath: require.resolve('../../src/workflows'),
      logger: new DefaultLogger('WARN'),
    }),
  ]);
  // It keeps all in memory, and shares two cores with what is tested: less often collected it takes a fifth less of them.
  process.env.GOGC ??= '400';
  const environment = await TestWorkflowEnvironment.createLocal({
    server: {
      executable: { type: 'existing-path', path },
      ui: false,
      extraArgs: [
        // Typed commands look for pollers of the product's own queues, where other files have workers too.
        ...['cli', 'tls-cli', 'holding', 'many', 'worker-log', 'further', 'steward'].flatMap((name) => [
          '--namespace',
          name,
        ]),
        // So do workers of several releases, and which of them is current is known to a whole namespace.
        ...[...versionNamespaces, ...benchNamespaces].flatMap((name) => ['--namespace', name]),
        // When nothing is open on a version any more, it is said within seconds instead of minutes.
        ...drainage.flatMap((setting) => [
          '--dynamic-config-value',
          `matching.wv.VersionDrainageStatus${setting}="2s"`,
        ]),
        ...Object.values(searchAttributes).flatMap((name) => ['--search-attribute', `${name}=Keyword`]),
      ],
    },
  });
  const codePath = join(folder, 'workflow-bundle.js');
  writeFileSync(codePath, bundle.code);
  process.env.KRAKENCTL_TEST_TEMPORAL = environment.address;
  process.env.KRAKENCTL_TEST_BUNDLE = codePath;
  Object.assign(globalThis, { krakenctlTestEnvironment: environment, krakenctlTestFolder: folder });
}
