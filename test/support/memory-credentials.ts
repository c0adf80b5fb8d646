import { createHash } from 'node:crypto';
import type { CredentialStore, HttpRequest } from '../../src/clients/host';
import { type CredentialFile, type CredentialMark, isOlder } from '../../src/cluster/auth/credentials';
import type { MemoryHost } from './memory-hosts';

/** Hashes on a load balancer in memory, and an NGINX that asks them. */
export interface MemoryCredentials {
  mark?: CredentialMark;
  files?: Record<CredentialFile, string>;
}

export function memoryCredentials(host: MemoryHost, state: MemoryCredentials): CredentialStore {
  return {
    async write(_cluster, { mark, files }) {
      if (state.mark && isOlder(mark, state.mark)) return 'newer';
      if (state.mark?.sum === mark.sum) return 'same';
      await host.lab.effect(host.host.id, 'credentials', () => void Object.assign(state, { mark, files }));
      return 'written';
    },
    look: async () => state.mark,
  };
}

/** As the configuration that it runs has it. */
export function mayPass(
  { nginxRuns, credentialState }: MemoryHost,
  { port, path, method = 'GET', headers }: HttpRequest,
) {
  const isOpen = path === '/health' || path === '/readiness' || path.startsWith('/.krakenctl/');
  if (!nginxRuns.includes('auth_basic_user_file') || isOpen) return true;
  const [, login = ''] = /^Basic (.*)$/.exec(headers?.authorization ?? '') ?? [];
  const [user = '', password = ''] = Buffer.from(login, 'base64').toString().split(':');
  const images = method === 'GET' || method === 'HEAD' ? (user.startsWith('vm-') ? 'agents' : 'pull') : 'push';
  const lines = credentialState.files?.[port === 5003 ? 'agents' : images].split('\n') ?? [];
  return lines.some((line) => line.startsWith(`${user}:{SSHA}`) && isRight(line, password));
}

function isRight(line: string, password: string): boolean {
  const bytes = Buffer.from(line.slice(line.indexOf('}') + 1), 'base64');
  const [sum, salt] = [bytes.subarray(0, 20), bytes.subarray(20)];
  return createHash('sha1').update(password).update(salt).digest().equals(sum);
}
