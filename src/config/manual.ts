import { type KeyDefinition, type Section, sections } from './key';
import { keyNames, keys, nodeKey } from './keys';
import { explainNotYet } from './template';

/** `docs/configuration.md`: the same table as the template, for reading. */

const head = `# Configuration

<!-- Made from src/config/keys; do not edit. KRAKENCTL_WRITE_DOCS=1 npx jest test/config/template.test.ts writes it. -->

krakenctl reads \`.env\` in the working folder, or the file of \`--env-file\`, when a command is typed. \`krakenctl init\` writes
one. A flag wins over an environment variable, an environment variable over \`.env\`, \`.env\` over the default;
\`krakenctl config show --origin\` prints what holds and who said so. Secrets print as \`[redacted]\`.

## The file

One \`KEY=value\` a line, comments with \`#\`. \`export KEY=value\` is accepted too. What is accepted, a shell that sources the file
reads in the same way. All mistakes are reported at once (exit 2), each with its line, the value and what was expected, and no
host is contacted.

| in the file | what happens |
|---|---|
| a misspelt or unknown key | refused, with the nearest known name |
| the same key twice | refused, with both lines: readers of \`.env\` disagree which wins |
| \`KEY=\` | refused: remove the line for the default. An empty environment variable counts as not set |
| \`KEY =value\`, \`KEY= value\` | refused: a shell would run one of them as a command |
| \`KEY=a b\` | refused: a value with blanks stands in quotes |
| \`'...'\` | taken as it stands |
| \`"..."\` | taken with \`\\"\`, \`\\\\\`, \`\\$\` and \`\` \\\` \`\` for these four characters |
| \`$NAME\`, \`$(command)\`, backticks | refused outside single quotes: nothing is expanded or executed |
| \`; & < > ( ) * ? [ ] { }\`, the pipe and the backslash without quotes | refused: they mean something to a shell |
| \`KEY=a#b\` | refused without quotes: some readers take it for a comment. \`KEY=a # comment\` is fine |
| an open quote, text after a closing one | refused: values do not span lines |
| control, invisible and direction-changing characters, NUL, what is not UTF-8 | refused, with line and column |
| a byte order mark at the start, CRLF line ends | accepted: editors on Windows write them |

Sizes are digits and a unit that counts by 1024 (\`64k\`, \`512m\`, \`512mb\`, \`2g\`). Durations are digits and a unit (\`500ms\`, \`30s\`,
\`5m\`, \`6h\`, \`7d\`). Numbers have no leading zeros. Paths begin with \`/\` or with \`~/\`, the home of whoever runs krakenctl.

## What several keys say together

- At least three nodes, numbered from 1 without gaps, each with an address of its own. An even number is warned of, and more than 100, with which it was tried.
- All parts of a node share its network: no port may be taken twice, sshd's and those of Redis's cluster bus (port + 10000) included.
- REDIS_MAXMEMORY is below REDIS_MEMORY_LIMIT, and a warning says when less than a quarter is left.
- LB_NODES names nodes that exist; one load balancer alone is warned of as a single point of failure.
- ORIGIN_MAX_REPLICA is at most the number of nodes; 1 is warned of.
- IMAGE_ARCHIVE_DIR needs IMAGE_SOURCE=load.
- CERT_PATH and KEY_PATH go together, CA_PATH with them, and only with ENABLE_TLS=true. With it each Redis has a second port (port + 1000).

What is not built yet is off. Switched on it is refused with the reason, never ignored; what belongs to it (AUTH_SECRET,
BACKUP_SCHEDULE and so on) is checked and shown as not in use.
`;

export function renderManual(): string {
  return [head, ...(Object.keys(sections) as Section[]).map(renderSection)].join('\n');
}

function renderSection(section: Section): string {
  const own = keyNames.filter((name) => keys[name].section === section).map((name) => renderRow(name, keys[name]));
  const nodes = section === 'cluster' ? [renderRow('CLUSTER_NODE_1` … `CLUSTER_NODE_N', nodeKey)] : [];
  return `## ${sections[section]}\n\n| key | why | default | expected |\n|---|---|---|---|\n${[...nodes, ...own].join('')}`;
}

function renderRow(name: string, definition: KeyDefinition): string {
  const { why, range, status } = definition;
  const notYet = status === 'built' ? '' : ` Not yet: ${status.notYet}; ${explainNotYet(status.as)}.`;
  const cells = [`\`${name}\``, `${why}${notYet}`, nameDefault(definition), range];
  return `| ${cells.map((cell) => cell.replaceAll('|', '\\|')).join(' | ')} |\n`;
}

function nameDefault({ required, default: text, absent }: KeyDefinition): string {
  if (required) return 'required';
  return text === undefined ? absent! : `\`${text}\``;
}
