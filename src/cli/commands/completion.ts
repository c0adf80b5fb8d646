import { Argument, type Command } from 'commander';
import { bashScript, describeWords, fishScript, zshScript } from '../completion';
import type { Context, Wire } from '../context';

const shells = ['bash', 'zsh', 'fish'] as const;

export function addCompletionCommand(program: Command, wire: Wire): void {
  program
    .command('completion')
    .description('a script that completes commands and options: source <(krakenctl completion bash)')
    .addArgument(new Argument('<shell>', 'whose').choices(shells))
    .action(
      wire(async ({ output }: Context, _: unknown, [shell]: string[]) => {
        const words = describeWords(program);
        const script = { bash: bashScript, zsh: zshScript, fish: fishScript }[shell as (typeof shells)[number]](words);
        output.result({ shell, script });
        output.line(script.trimEnd());
      }),
    );
}
