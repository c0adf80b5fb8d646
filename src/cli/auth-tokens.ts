import { createHash, randomBytes } from 'node:crypto';
import { saltedHash, tokenUser } from '../cluster/auth/credentials';
import type { EnrolmentToken } from '../cluster/auth/record';
import { balancerAddresses } from '../cluster/render/agent/balancer-addresses';
import type { ShownToken } from '../contracts/auth';
import { type AuthOptions, changeLogins, type KeyedConfiguration, readAuthView, readKeyed } from './auth';
import { withTemporal } from './connect';
import type { Context } from './context';
import type { ExitCode } from './exit-codes';
import { CliFailure } from './failure';
import { parseWholeNumber } from './numbers';
import { findPollers, requireWorker } from './pollers';
import { parseDuration } from './time-text';

export interface TokenOptions extends AuthOptions {
  ttl?: string;
  uses?: string;
}

const [leastTtlMs, mostTtlMs] = [60_000, 30 * 24 * 3_600_000];
const mostUses = 1000;
export const defaultTtl = '1h';

/** Lets VMs that nobody logs in to enrol themselves. */
export async function createToken(context: Context, options: TokenOptions): Promise<ExitCode> {
  const ttlMs = readTtl(options.ttl ?? defaultTtl);
  const uses = parseWholeNumber(options.uses ?? '1', { option: '--uses', min: 1 });
  if (uses > mostUses) throw new CliFailure('USAGE', `--uses ${uses}: expected at most ${mostUses}`);
  const configuration = await readAsking(context);
  const { spec } = configuration;
  const password = randomBytes(24).toString('base64url');
  const untilMs = Math.ceil((Date.now() + ttlMs) / 1000) * 1000;
  const token: EnrolmentToken = {
    id: `t${randomBytes(4).toString('hex')}`,
    hash: hashOf(password),
    until: untilMs / 1000,
    uses,
    used: [],
  };
  const line = `user = "${tokenUser(token)}:${password}"`;
  const [balancer] = balancerAddresses(spec, spec.ports.lbProxy);
  const command = `curl -fsSL -K token http://${balancer}/install | sh -s -- --token token`;
  const told = { token: token.id, until: new Date(untilMs).toISOString(), uses, line, command };
  return changeLogins(context, {
    configuration,
    asked: {
      change: { kind: 'token', token },
      summary: `token ${token.id} lets ${uses === 1 ? '1 VM' : `${uses} VMs`} enrol until ${told.until}`,
      options,
      token: { id: token.id, untilMs },
      told: {
        data: told,
        lines: [
          'shown this once; on each VM, as root, into a file named token that only root may read:',
          line,
          `then: ${command}`,
        ],
        lost: 'the token was not shown: krakenctl agent token create makes another',
      },
    },
  });
}

function hashOf(password: string): string {
  const salt = randomBytes(8).toString('hex');
  return saltedHash(createHash('sha1').update(password).update(salt).digest('hex'), salt);
}

function readTtl(text: string): number {
  const ms = parseDuration(text);
  if (ms !== undefined && ms >= leastTtlMs && ms <= mostTtlMs) return ms;
  throw new CliFailure('USAGE', `--ttl ${text}: expected a time from 1m to 30d`);
}

async function readAsking(context: Context): Promise<KeyedConfiguration> {
  const configuration = await readKeyed(context);
  if (configuration.spec.auth) return configuration;
  throw new CliFailure('USAGE', 'nobody needs a token: ENABLE_AUTH is false', {
    hint: 'ENABLE_AUTH=true, then krakenctl deploy',
  });
}

export async function listTokens(context: Context): Promise<void> {
  const { spec, keys } = await readAsking(context);
  await withTemporal({ environment: context.environment }, async (temporal) => {
    requireWorker(await findPollers(temporal));
    const { tokens } = await readAuthView(temporal, spec, keys.fingerprint);
    context.output.result({ tokens });
    for (const token of tokens) context.output.item(token);
    context.output.lines(renderTokens(tokens, Date.now()));
  });
}

export function renderTokens(tokens: ShownToken[], now: number): string[] {
  if (tokens.length === 0) return ['no token   → krakenctl agent token create'];
  return tokens.map(({ id, until, uses, used }) => {
    const state = until * 1000 <= now ? 'over' : `until ${new Date(until * 1000).toISOString()}`;
    const who = used.length > 0 ? `: ${used.join(' ')}` : '';
    return ` ${id}  ${state}  ${used.length} of ${uses} used${who}`;
  });
}

export async function revokeToken(context: Context, options: AuthOptions, [id = '']: string[]): Promise<ExitCode> {
  if (!/^t[0-9a-f]{8}$/.test(id))
    throw new CliFailure('USAGE', `token ${id}: expected a name such as t1a2b3c4d`, {
      hint: 'krakenctl agent token list',
    });
  const configuration = await readAsking(context);
  const summary = `token ${id} lets nobody enrol any more`;
  return changeLogins(context, { configuration, asked: { change: { kind: 'untoken', id }, summary, options } });
}
