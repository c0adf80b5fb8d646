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
    title:
      "an agent's image has an nginx that takes another configuration, on a read-only root and with three capabilities",
    async check(stage) {
      const name = partName(stage.nodes[0]!, 'gateway' as Part);
      const folders = ['/tmp', '/run', '/var/lib/nginx', '/var/log/nginx'].flatMap((folder) => ['--tmpfs', folder]);
      const rights = ['--cap-drop', 'ALL', ...['CHOWN', 'SETGID', 'SETUID'].flatMap((c) => ['--cap-add', c])];
      const conf =
        'user nobody nogroup; pid /tmp/nginx.pid; events {} http { access_log off; client_body_temp_path /tmp/b; proxy_temp_path /tmp/p; fastcgi_temp_path /tmp/f; uwsgi_temp_path /tmp/u; scgi_temp_path /tmp/s; server { listen 127.0.0.1:18095; return 204; } }';
      const start = 'printf %s "$1" > /tmp/nginx.conf && exec nginx -c /tmp/nginx.conf -g "daemon off;"';
      await docker(
        ...['run', '-d', '--name', name, ...rights, '--security-opt', 'no-new-privileges', '--read-only', ...folders],
        ...[stage.images.agent, 'sh', '-c', start, 'sh', conf],
      );
      try {
        const workers = 'cat /proc/[0-9]*/status | grep -c "^Uid:.65534"';
        await eventually(async () => {
          expect(Number(await docker('exec', name, 'sh', '-c', workers)) > 0, 'no worker of nobody');
        });
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
