import { execFile } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { chmodSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { addKey } from '../../src/codec/key-ring';
import type { Lab } from '../../src/lab/lab';

/** `docker-compose.temporal.yml` as a person runs it, under a project name of its own, with workers in the lab's network. */
const root = join(__dirname, '..', '..');
export const project = 'krakenctl-temporal-proof';
const ports = { TEMPORAL_PORT: '27233', TEMPORAL_UI_PORT: '28233', CODEC_SERVER_PORT: '28234' };
export const urls = { ui: 'http://127.0.0.1:28233', codec: 'http://127.0.0.1:28234' };

export interface Stack {
  /** For krakenctl on this machine. */
  cli: Record<string, string>;
  keyFile: string;
  compose(...args: string[]): Promise<string>;
  /** Names of the running containers of a service. */
  containers(service: string): Promise<string[]>;
  down(): Promise<void>;
}

export function makeStack(lab: Lab): Stack {
  const folder = mkdtempSync(join(tmpdir(), 'krakenctl-temporal-proof-'));
  const keyFile = join(folder, 'codec.key');
  addKey(keyFile);
  const secrets = join(folder, 'secrets');
  mkdirSync(secrets, { mode: 0o700 });
  const passwordFile = join(secrets, 'postgres-password');
  writeFileSync(passwordFile, `${randomBytes(24).toString('hex')}\n`);
  chmodSync(passwordFile, 0o644);
  const environment = {
    ...process.env,
    ...ports,
    POSTGRES_PASSWORD_FILE: passwordFile,
    KRAKENCTL_CODEC_KEY_FILE: keyFile,
    KRAKENCTL_SSH_DIR: dirname(lab.ssh.keyPath),
    KRAKENCTL_USER: `${process.getuid?.()}:${process.getgid?.()}`,
    KRAKENCTL_IMAGE: 'krakenctl:temporal-proof',
    DOCKER_BUILDKIT: '0',
    COMPOSE_DOCKER_CLI_BUILD: '0',
  };
  const files = ['-f', join(root, 'docker-compose.temporal.yml'), '-f', join(__dirname, 'lab-network.yml')];
  const compose = (...args: string[]) => run('docker-compose', ['-p', project, ...files, ...args], environment);
  return {
    keyFile,
    cli: { TEMPORAL_ADDRESS: `127.0.0.1:${ports.TEMPORAL_PORT}`, KRAKENCTL_CODEC_KEY_FILE: keyFile },
    compose,
    async containers(service) {
      const labels = [`com.docker.compose.project=${project}`, `com.docker.compose.service=${service}`];
      const filters = labels.flatMap((label) => ['--filter', `label=${label}`]);
      return (await docker('ps', '--format', '{{.Names}}', ...filters)).split('\n').filter((name) => name !== '');
    },
    async down() {
      await compose('down', '--volumes', '--timeout', '10');
      rmSync(folder, { recursive: true });
    },
  };
}

export function docker(...args: string[]): Promise<string> {
  return run('docker', args, process.env);
}

function run(program: string, args: string[], env: NodeJS.ProcessEnv): Promise<string> {
  return new Promise((resolve, reject) => {
    execFile(program, args, { env, cwd: root, maxBuffer: 256 << 20 }, (error, stdout, stderr) => {
      if (error) reject(new Error(`${program} ${args.slice(0, 12).join(' ')}: ${stderr || error.message}`));
      else resolve(stdout);
    });
  });
}
