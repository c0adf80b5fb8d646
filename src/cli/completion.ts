import type { Command } from 'commander';

/** What can be typed after a path of words, for the shells. Made from the commands themselves, so that nothing is missing. */
export interface Words {
  /** `op show`; empty for the program itself. */
  path: string;
  commands: { name: string; about: string }[];
  options: { flag: string; about: string }[];
}

export function describeWords(command: Command, path: string[] = []): Words[] {
  const commands = command.commands.filter((c) => c.name() !== 'help');
  const own: Words = {
    path: path.join(' '),
    commands: commands.map((c) => ({ name: c.name(), about: c.description() })),
    options: command.options.flatMap((o) => (o.long ? [{ flag: o.long, about: o.description }] : [])),
  };
  return [own, ...commands.flatMap((c) => describeWords(c, [...path, c.name()]))];
}

function globalFlags(words: Words[]): string[] {
  return words.find((w) => w.path === '')?.options.map((o) => o.flag) ?? [];
}

function candidates(word: Words, all: Words[]): string {
  const own = [...word.commands.map((c) => c.name), ...word.options.map((o) => o.flag)];
  return [...new Set([...own, ...globalFlags(all)])].join(' ');
}

/** Words before the cursor that are no options are the path. */
export function bashScript(words: Words[]): string {
  const cases = words.map((w) => `    '${w.path}') words='${candidates(w, words)}' ;;`);
  return `# krakenctl completion for bash
_krakenctl() {
  local path='' word words='' i
  for ((i = 1; i < COMP_CWORD; i++)); do
    word=\${COMP_WORDS[i]}
    [[ $word == -* ]] || path="\${path:+$path }$word"
  done
  while :; do
    case "$path" in
${cases.join('\n')}
    esac
    [[ -n $words || $path != *' '* ]] && break
    path=\${path% *}
  done
  COMPREPLY=($(compgen -W "$words" -- "\${COMP_WORDS[COMP_CWORD]}"))
}
complete -o default -F _krakenctl krakenctl
`;
}

/** zsh runs bash's completions. */
export function zshScript(words: Words[]): string {
  return `#compdef krakenctl\nautoload -U +X bashcompinit && bashcompinit\n${bashScript(words)}`;
}

export function fishScript(words: Words[]): string {
  const quote = (text: string) => `'${text.replace(/[\\']/g, '\\$&')}'`;
  const lines = words.flatMap((w) => {
    const on = w.path === '' ? '__fish_use_subcommand' : `__krakenctl_at ${w.path}`;
    const options = w.path === '' ? [] : w.options;
    return [
      ...w.commands.map((c) => `complete -c krakenctl -n ${quote(on)} -f -a ${c.name} -d ${quote(c.about)}`),
      ...options.map((o) => `complete -c krakenctl -n ${quote(on)} -l ${o.flag.slice(2)} -d ${quote(o.about)}`),
    ];
  });
  const globals = words.find((w) => w.path === '')?.options ?? [];
  return `# krakenctl completion for fish
function __krakenctl_at
  set -l words (string match -v -- '-*' (commandline -opc)[2..])
  test "$words[1..(count $argv)]" = "$argv"
end
${[...lines, ...globals.map((o) => `complete -c krakenctl -l ${o.flag.slice(2)} -d ${quote(o.about)}`)].join('\n')}
`;
}
