import { ports } from './configurations';
import { docker, eventually } from './docker';
import type { Part } from './images';
import { expectAnswer } from './part-rules';
import { expect, expectEqual, type Rule } from './rules';
import { partName, startPart } from './stage';

/** How parts end and start again. */
export const lifecycleRules: Rule[] = [
  {
    title: 'testfs keeps its files in a new folder /tmp/kraken-testfs* with each start',
    async check(stage) {
      const node = stage.nodes[0]!;
      const name = await startPart(stage, node, 'testfs');
      const file = `http://${node.address}:${ports.testfs}/files/some/file`;
      try {
        await eventually(() => expectAnswer(stage, ports.testfs, '/health', 200));
        expectEqual((await fetch(file, { method: 'POST', body: 'text' })).status, 200, 'POST');
        expectEqual(await (await fetch(file)).text(), 'text', 'what GET answers');
        await docker('restart', '-t', '1', name);
        await eventually(async () => expectEqual((await fetch(file)).status, 404, 'after a restart'));
        const folders = await docker('exec', name, 'sh', '-c', 'ls -d /tmp/kraken-testfs*');
        expectEqual(folders.split('\n').length, 2, 'folders');
      } finally {
        await docker('rm', '-fv', name);
      }
    },
  },
  {
    title: 'a socket that an earlier start left in /tmp stops the next start: "address already in use", exit code 1',
    async check(stage) {
      const node = stage.nodes[0]!;
      const name = await startPart(stage, node, 'proxy', { keepTmp: true });
      try {
        await eventually(() => expectAnswer(stage, ports.proxy, '/health', 200));
        await docker('restart', '-t', '0', name);
        await eventually(async () => expectEqual(await stateOf(name), 'false 1', 'running and exit code'));
        const logs = await docker('logs', '--tail', '20', name);
        expect(/address already in use/i.test(logs), `its last words: ${logs.slice(-300)}`);
      } finally {
        await docker('rm', '-fv', name);
      }
    },
  },
  {
    title: 'SIGTERM ends each part within 3 s with exit code 2',
    async check(stage) {
      const node = stage.nodes[0]!;
      const own = { testfs: ports.testfs, proxy: ports.proxy, origin: ports.origin, tracker: ports.tracker };
      const all: [Part, number][] = [
        ...(Object.entries(own) as [Part, number][]),
        ['build-index', ports.buildIndex],
        ['agent', ports.agent],
      ];
      for (const [part, port] of all) {
        const name = await startPart(stage, node, part, { name: `${partName(node, part)}-term` });
        await eventually(() => expectAnswer(stage, port, '/health', 200));
        const startedAt = Date.now();
        await docker('stop', '-t', '10', name);
        expect(Date.now() - startedAt < 3_000, `${part} took ${Date.now() - startedAt} ms`);
        expectEqual(await stateOf(name), 'false 2', `${part}: running and exit code`);
        await docker('rm', '-fv', name);
      }
    },
  },
];

function stateOf(name: string): Promise<string> {
  return docker('inspect', '--format', '{{.State.Running}} {{.State.ExitCode}}', name);
}
