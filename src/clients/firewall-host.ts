import { parseLoaded } from '../cluster/firewall/loaded';
import type { FirewallFacts } from '../cluster/firewall/observed';
import { FirewallRefusedError, OutcomeUnknownError, RemoteCommandError } from './errors';
import { asProgram, underEffectLock } from './files';
import { firewallExits, firewallPrograms, observeProgram } from './firewall-programs';
import type { FirewallHost } from './host';
import type { SshConnection } from './ssh';

/** The firewall of one host, by the constant programs of `firewall-programs.ts`. */

const programs = firewallPrograms(underEffectLock);

export function createFirewallHost(ssh: SshConnection, sudo: string): FirewallHost {
  const run = async (program: string, input: string) =>
    (await ssh.exec(asProgram(sudo, program), { input })).stdout.toString().trim();
  /** The last word; systemd may have said something before it. */
  const ask = async <T extends string>(program: string, input: string, words: readonly T[]): Promise<T> => {
    const said = await run(program, input);
    const word = words.find((w) => w === said.split('\n').at(-1));
    if (word === undefined)
      throw new OutcomeUnknownError(`${ssh.host}: the firewall says ${said || 'nothing'}`, ssh.host);
    return word;
  };
  const changed = async (program: string, input: string, words: { yes: string; no: string }) => ({
    changed: (await ask(program, input, [words.yes, words.no])) === words.yes,
  });
  return {
    async observe(cluster) {
      return parseFirewall(
        (await ssh.exec(asProgram(sudo, observeProgram), { input: `${cluster}\n` })).stdout.toString(),
      );
    },
    async stage(cluster, { sum, text }) {
      const input = `${cluster}\n${sum}\n${text}`;
      return changed(programs.stage, input, { yes: 'written', no: 'same' }).catch(refusal(ssh.host));
    },
    tryOut: (cluster, { sum, seconds }) =>
      ask(programs.tryOut, `${cluster}\n${sum}\n${seconds}\n`, ['loaded', 'kept', 'gone'] as const).catch(
        refusal(ssh.host),
      ),
    keep: (cluster, sum) =>
      ask(programs.keep, `${cluster}\n${sum}\n`, ['kept-now', 'kept', 'reverted', 'gone', 'unloaded'] as const),
    takeBack: (cluster) => changed(programs.takeBack, `${cluster}\n`, { yes: 'reverted', no: 'same' }),
    enable: (cluster, { sum, text }) =>
      changed(programs.enable, `${cluster}\n${sum}\n${text}`, { yes: 'written', no: 'same' }),
    remove: (cluster) => changed(programs.remove, `${cluster}\n`, { yes: 'removed', no: 'absent' }),
  };
}

const refusals: Record<number, string> = {
  [firewallExits.refused]: 'nft refuses the rules',
  [firewallExits.unarmed]: 'systemd makes no timer that would take the rules back',
};

function refusal(host: string): (error: unknown) => never {
  return (error) => {
    const why = error instanceof RemoteCommandError ? refusals[error.exitCode] : undefined;
    if (why === undefined) throw error;
    throw new FirewallRefusedError(`${host}: ${why}: ${(error as RemoteCommandError).stderrTail.trim()}`, host);
  };
}

export function parseFirewall(text: string): FirewallFacts {
  const words = new Map<string, string[]>();
  for (const line of text.split('\n')) {
    const [word = '', ...rest] = line.split(' ');
    words.set(word, [...(words.get(word) ?? []), rest.join(' ').trim()]);
  }
  const first = (word: string) => words.get(word)?.[0] || undefined;
  const rules = first('rules');
  const armed = first('armed');
  return {
    missing: words.get('missing') ?? [],
    error: first('error'),
    loaded: (first('loaded') as FirewallFacts['loaded'] | undefined) ?? 'none',
    rules: rules === undefined ? undefined : parseLoaded(rules),
    keptSum: first('kept'),
    trialSum: first('trial'),
    unitSum: first('unit'),
    enabled: first('enabled') === 'yes',
    armedSeconds: armed === undefined ? undefined : Math.max(0, Number(armed) || 0),
    reverted: parseReverted(first('reverted')),
  };
}

function parseReverted(text: string | undefined): FirewallFacts['reverted'] {
  const [seconds, sum, to] = text?.split(' ') ?? [];
  if (!seconds || !sum || (to !== 'kept' && to !== 'open')) return undefined;
  return { at: new Date(Number(seconds) * 1000).toISOString(), sum, to };
}
