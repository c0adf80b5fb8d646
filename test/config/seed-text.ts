import { readFileSync } from 'node:fs';
import { join } from 'node:path';

/** What the seed's README promises by name: commands, ports, paths and keys, read out of its text. */

export const seed = readFileSync(join(__dirname, 'seed-readme.md'), 'utf8');

const blocks = [...seed.matchAll(/```bash\n(.*?)```/gs)].map(([, text]) => text!);
const prose = seed.replaceAll(/```.*?```/gs, '');
const spans = [...prose.matchAll(/`([^`]+)`/g)].map(([, text]) => text!);

/** Each line that a person would type, loops as one, and each script or command that the prose names. */
export const seedCommands = unique([...blocks.flatMap(commandsIn), ...spans.filter(isCommand)]);

export const seedPorts = unique([...seed.matchAll(/\b\d{4,5}\b/g)].map(([port]) => port));

/** Absolute ones; those of the seed's own scripts are in the commands. */
export const seedPaths = unique(
  [...seed.matchAll(/(?<=[\s`=]|:\d{4})\/[a-z][\w./-]*/g)].map(([path]) => path.replace(/(?<=.)\/$/, '')),
);

export const seedKeys = unique([...seed.matchAll(/(?<!<)\b[A-Z][A-Z0-9]*(?:_[A-Z0-9]+)+\b(?!>)/g)].map(([key]) => key));

function commandsIn(block: string): string[] {
  return block
    .replaceAll(/^for (.*)\n +(.*)\ndone$/gm, 'for $1 $2; done')
    .split('\n')
    .map((line) => line.replace(/(^|\s+)#.*$/, '').trim())
    .filter((line) => line !== '' && !/^[A-Z_0-9]+=/.test(line));
}

function isCommand(text: string): boolean {
  return /\.sh\b/.test(text) || text.includes(' ');
}

function unique(texts: string[]): string[] {
  return [...new Set(texts)].toSorted();
}
