import { randomBytes, randomInt } from 'node:crypto';
import { type AuthKeys, authKeys } from '../cluster/auth/keys';
import { type AuthChange, type AuthUser, type Role, refuseName, roles } from '../cluster/auth/record';
import { sha512Crypt } from '../cluster/auth/sha512-crypt';
import type { ClusterSpec } from '../cluster/spec';
import type { AuthInput, AuthReport, AuthView } from '../contracts/auth';
import { authWorkflowId, taskQueues, workflowTypes } from '../contracts/queues';
import { nameVms } from './agents';
import { renderUsers } from './auth-text';
import { type Configuration, leaveForWorker, readConfiguration } from './configuration';
import { type Agreement, agree, requireAgreeable } from './confirmation';
import { type Temporal, withTemporal } from './connect';
import type { Context } from './context';
import type { ExitCode } from './exit-codes';
import { CliFailure } from './failure';
import { makeOperation } from './operation-identity';
import { findPollers, requireWorker } from './pollers';
import { runOperation } from './run-operation';
import type { RunOptions } from './run-options';

export interface AuthOptions extends RunOptions {
  role?: string;
  reason?: string;
}

export interface KeyedConfiguration extends Configuration {
  keys: AuthKeys;
}

/** Users may be named before ENABLE_AUTH is true, so that they can log in before they must. */
export async function readKeyed(context: Context): Promise<KeyedConfiguration> {
  const configuration = await readConfiguration(context);
  const { authSecret, spec } = configuration;
  if (authSecret) leaveForWorker(configuration, context.environment);
  if (authSecret) return { ...configuration, keys: authKeys(authSecret.reveal(), spec.name) };
  throw new CliFailure('CONFIG_INVALID', 'AUTH_SECRET is missing: who may come in is sealed with it', {
    hint: 'openssl rand -base64 32 makes one; put it into .env or the environment',
  });
}

export function readAuthView({ client }: Temporal, spec: ClusterSpec, key: string): Promise<AuthView> {
  return client.workflow.execute(workflowTypes.inspectAuth, {
    taskQueue: taskQueues.main,
    workflowId: `kraken-${spec.name}-inspect-${randomBytes(4).toString('hex')}`,
    args: [{ spec, key }],
    workflowExecutionTimeout: 60_000,
    staticSummary: `look at who may come in to ${spec.name}`,
  });
}

export async function listUsers(context: Context): Promise<void> {
  const { spec, keys } = await readKeyed(context);
  await withTemporal({ environment: context.environment }, async (temporal) => {
    requireWorker(await findPollers(temporal));
    const view = await readAuthView(temporal, spec, keys.fingerprint);
    context.output.result(view);
    for (const user of view.users) context.output.item(user);
    context.output.lines([
      ...renderUsers(view, context.output.colors),
      ...(spec.auth ? [] : [' nobody is asked for a login: ENABLE_AUTH is false']),
    ]);
  });
}

/** 192 bits; a password that nobody thought of cannot be guessed. */
const makePassword = () => randomBytes(24).toString('base64url');
const saltAlphabet = './0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz';
const makeSalt = () => Array.from({ length: 16 }, () => saltAlphabet[randomInt(64)]).join('');

export async function addUser(context: Context, options: AuthOptions, [name = '']: string[]): Promise<ExitCode> {
  const role = readRole(options.role);
  checkName(name);
  const password = makePassword();
  const user: AuthUser = { name, role, hash: sha512Crypt(password, makeSalt()), since: new Date().toISOString() };
  const summary = `user ${name} may ${role === 'push' ? 'pull and push' : 'pull'}`;
  return change(context, {
    change: { kind: 'add', user },
    summary,
    options,
    told: passwordOf({ user: name, role, password }),
  });
}

export async function renewPassword(context: Context, options: AuthOptions, [name = '']: string[]): Promise<ExitCode> {
  checkName(name);
  const password = makePassword();
  const hash = sha512Crypt(password, makeSalt());
  const asked: AuthChange = { kind: 'passwd', name, hash, since: new Date().toISOString() };
  return change(context, {
    change: asked,
    summary: `user ${name} has a new password`,
    options,
    told: passwordOf({ user: name, password }),
  });
}

export async function removeUser(context: Context, options: AuthOptions, [name = '']: string[]): Promise<ExitCode> {
  checkName(name);
  const agreement = { action: `take every right from user ${name}` };
  return change(context, { change: { kind: 'remove', name }, summary: `user ${name} is removed`, options, agreement });
}

/** What the VM has does not let it in any more, anywhere; `agent deploy` gives it another. */
export async function revokeVm(context: Context, options: AuthOptions, [word = '']: string[]): Promise<ExitCode> {
  const { spec } = await readConfiguration(context);
  const [named] = nameVms(spec, [word]);
  const { address } = named!.target;
  const agreement = { action: `take the credential of ${address} away, so that its agent pulls nothing any more` };
  const asked: AuthChange = { kind: 'revoke', vm: address };
  return change(context, { change: asked, summary: `the credential of VM ${address} is revoked`, options, agreement });
}

function readRole(text: string | undefined): Role {
  const role = roles.find((known) => known === (text ?? 'pull'));
  if (role) return role;
  throw new CliFailure('USAGE', `--role ${text}: expected ${roles.join(' or ')}`);
}

function checkName(name: string): void {
  const why = refuseName(name);
  if (why !== undefined) throw new CliFailure('USAGE', `user ${name}: ${why}`);
}

interface Asked {
  change: AuthChange;
  summary: string;
  options: AuthOptions;
  agreement?: Agreement;
  /** Kept by a workflow of its own until then. */
  token?: AuthInput['token'];
  /** Shown once, when it holds. */
  told?: { data: object; lines: string[]; lost: string };
}

function passwordOf(told: { user: string; role?: Role; password: string }): Asked['told'] {
  const { user, password } = told;
  return {
    data: told,
    lines: [`password of ${user}, shown this once:`, password],
    lost: `its password was not shown: krakenctl auth users passwd ${user} makes another`,
  };
}

async function change(context: Context, asked: Asked): Promise<ExitCode> {
  const { agreement } = asked;
  const configuration = await readKeyed(context);
  if (agreement) requireAgreeable(context, agreement);
  if (agreement) await agree(context, agreement);
  return changeLogins(context, { configuration, asked });
}

export function changeLogins(context: Context, request: LoginChange): Promise<ExitCode> {
  return withTemporal({ environment: context.environment }, async (temporal) => {
    requireWorker(await findPollers(temporal));
    return runChange(context, temporal, request);
  });
}

interface LoginChange {
  configuration: KeyedConfiguration;
  asked: Omit<Asked, 'agreement'>;
}

export async function runChange(
  context: Context,
  temporal: Temporal,
  { configuration, asked }: LoginChange,
): Promise<ExitCode> {
  const { spec, keys } = configuration;
  const { options, summary, told, token } = asked;
  const { output } = context;
  const operation = makeOperation('auth', context.environment, options.reason);
  const owner = { temporal: temporal.address, namespace: temporal.namespace };
  // Sealed for this operation: a history keeps no hash of a password.
  const sealed = keys.seal(JSON.stringify(asked.change), operation.id);
  const input: AuthInput = { operation, spec, owner, key: keys.fingerprint, change: sealed, token, summary };
  const workflowId = authWorkflowId(spec.name);
  const start = { type: workflowTypes.auth, cluster: spec.name, workflowId, operation, input };
  let report: AuthReport | undefined;
  const onReport = (ended: unknown) => {
    report = ended as AuthReport;
  };
  const code = await runOperation(context, temporal, { start, spec, options, onReport });
  if (!told) return code;
  if (!report) {
    output.line(` ${told.lost}`);
    return code;
  }
  output.result({ ...report, ...told.data });
  output.lines(told.lines);
  return code;
}
