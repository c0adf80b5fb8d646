import { Command, type CommanderError, Option } from 'commander';
import { globalOptionsOf, guessGlobals, makeOutput, type Wire } from './context';
import { exitCodes } from './exit-codes';
import { CliFailure, toCliFailure } from './failure';
import type { Interrupts } from './interrupts';
import { loadNouns } from './nouns';
import type { Output, Streams } from './output';

/** Parses, runs, and says how it ended; never throws, never exits. */
export async function runCli(argv: string[], streams: Streams, interrupts: Interrupts): Promise<number> {
  const fallback = makeOutput(streams, guessGlobals(argv));
  let used: Output | undefined;
  let code: number = exitCodes.done;
  const wire: Wire =
    (handler) =>
    async (...received) => {
      const command = received.at(-1) as Command;
      const globals = globalOptionsOf(command);
      const output = makeOutput(streams, globals);
      used = output;
      const { signal } = interrupts;
      const again = (withinMs: number) => interrupts.again(withinMs);
      const context = { output, globals, environment: streams.environment, signal, again };
      code = (await handler(context, command.opts() as Parameters<typeof handler>[1], command.args)) ?? exitCodes.done;
      output.succeed();
    };
  try {
    await makeProgram({ argv, wire, output: fallback }).parseAsync(argv, { from: 'user' });
    return code;
  } catch (error) {
    return endWith(error, used ?? fallback);
  }
}

function endWith(error: unknown, output: Output): number {
  if (isHelp(error)) return exitCodes.done;
  const failure = isUsageError(error) ? toUsageFailure(error) : toCliFailure(error);
  output.fail(failure);
  return failure.exitCode;
}

export interface ProgramParts {
  /** Only the nouns that are named are loaded: most of them bring libraries that take longer than the command itself. */
  argv: string[];
  wire: Wire;
  output: Output;
}

export function makeProgram({ argv, wire, output }: ProgramParts): Command {
  const program = new Command('krakenctl')
    .description('Deploys and looks after a highly available uber/kraken cluster, with durable Temporal workflows.')
    .exitOverride()
    .configureOutput({
      // Help is the answer where it was asked for; what is wrong is said by `fail`, in the format that was asked for.
      writeOut: (text) => (output.isText ? output.streams.out(text) : output.aside(text.trimEnd())),
      writeErr: (text) => (text.startsWith('error:') ? undefined : output.aside(text.trimEnd())),
    })
    .configureHelp({ showGlobalOptions: false })
    .addOption(new Option('-o, --output <format>', 'what stdout carries').choices(['text', 'json', 'jsonl']))
    .option('--json', 'the same as -o json')
    .option('--env-file <path>', 'configuration; default: .env in the working folder')
    .option('-y, --yes', 'ask nothing')
    .option('-v, --verbose', 'say more; with a failure, where in the code')
    .option('-q, --quiet', 'the answer alone, no remarks')
    .addOption(
      new Option('--log-format <format>', 'what stderr carries: lines, or a JSON object each').choices([
        'text',
        'json',
      ]),
    )
    .addOption(new Option('--color <when>', 'colours').choices(['auto', 'always', 'never']))
    .option('--no-color', 'the same as --color never')
    .addHelpText('after', `\nExit codes: ${exitCodesHelp}`);
  for (const add of loadNouns(argv)) add(program, wire);
  return program;
}

const exitCodesHelp =
  '0 done, 1 failed, 2 usage or configuration, 3 changes pending, 4 preflight failed, 5 done in part,\n' +
  '6 another operation or owner holds the cluster, 7 Temporal or its worker unreachable,\n' +
  '8 approval denied or expired, 9 failed and rolled back, 10 failed and the rollback failed too,\n' +
  '11 not serving, 130 detached.';

function isUsageError(error: unknown): error is CommanderError {
  return error instanceof Error && 'code' in error && String(error.code).startsWith('commander.');
}

function isHelp(error: unknown): boolean {
  if (!isUsageError(error)) return false;
  // `krakenctl help deploy` asks for it; a noun without a verb gets it with an exit code.
  if (error.code === 'commander.help') return error.exitCode === 0;
  return ['commander.helpDisplayed', 'commander.version'].includes(error.code);
}

function toUsageFailure(error: CommanderError): CliFailure {
  // Commander has printed the noun's help already: what is missing is the verb.
  if (error.code === 'commander.help')
    return new CliFailure('USAGE', 'a command is missing', { hint: 'krakenctl --help' });
  const message = error.message.replace(/^error: /, '');
  return new CliFailure('USAGE', message, { hint: 'krakenctl --help' });
}
