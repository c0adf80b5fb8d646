import { randomBytes } from 'node:crypto';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { ports } from './configurations';
import { docker, tryDocker } from './docker';
import { at, proxy } from './image-rules';
import { startLoadBalancer } from './load-balancer';
import { expect, type Rule } from './rules';
import type { Stage } from './stage';

/** Docker itself as the client. */
export const dockerRules: Rule[] = [
  {
    title:
      'Docker pushes through a balancer that turns Location into a path, and pulls by digest through another proxy and an agent',
    async check(stage) {
      const balancers = await Promise.all(
        [proxy(stage, 0), proxy(stage, 1), at(stage, 0, ports.agent)].map(startLoadBalancer),
      );
      const [first, second, agent] = balancers.map(({ address }) => `${address}/contract/docker`);
      const images: string[] = [`${first}:one`];
      try {
        await makeLocalImage(stage, images[0]!);
        const pushed = await docker('push', images[0]!);
        const digest = /digest: (sha256:[0-9a-f]{64})/.exec(pushed)?.[1];
        expect(digest !== undefined, `docker push says ${pushed}`);
        await docker('rmi', images[0]!);
        for (const reference of [`${second}@${digest}`, `${second}:one`, `${agent}@${digest}`, `${agent}:one`]) {
          images.push(reference);
          await docker('pull', reference);
        }
      } finally {
        await tryDocker(['rmi', ...images]);
        for (const balancer of balancers) balancer.close();
      }
    },
  },
];

/** One file in one layer, unlike any before. */
async function makeLocalImage({ folder }: Stage, name: string): Promise<void> {
  const header = Buffer.alloc(512);
  const content = Buffer.concat([randomBytes(512)]);
  header.write('content');
  header.write('0000644\0', 100);
  header.write('0000000\0', 108);
  header.write('0000000\0', 116);
  header.write(`${content.length.toString(8).padStart(11, '0')}\0`, 124);
  header.write('00000000000\0', 136);
  header.write('        ', 148);
  header.write('0', 156);
  const sum = header.reduce((total, byte) => total + byte, 0);
  header.write(`${sum.toString(8).padStart(6, '0')}\0 `, 148);
  const path = join(folder, 'image.tar');
  writeFileSync(path, Buffer.concat([header, content, Buffer.alloc(1024)]));
  await docker('import', '--change', 'LABEL kraken-contract=1', path, name);
}
