// Replays histories outside of jest, whose module registry the SDK's protobuf code does not bear.
// node replay.cjs BUNDLE FILE... → {FILE: null | "ErrorName: message"} on stdout.
const { readFileSync } = require('node:fs');
const { DefaultLogger, Runtime, Worker } = require('@temporalio/worker');

Runtime.install({ logger: new DefaultLogger('ERROR', () => undefined) });
const [codePath, ...files] = process.argv.slice(2);

async function* histories() {
  for (const file of files) yield { workflowId: file, history: JSON.parse(readFileSync(file, 'utf8')) };
}

(async () => {
  const results = {};
  for await (const { workflowId, error } of Worker.runReplayHistories({ workflowBundle: { codePath } }, histories())) {
    results[workflowId] = error ? `${error.name}: ${error.message}` : null;
  }
  process.stdout.write(`\n${JSON.stringify(results)}`);
})();
