/**
 * Reads the part of YAML in which configurations are written: block and flow collections, plain and quoted scalars, comments.
 * Anything else (anchors, tags, block scalars, several documents) is refused, never guessed. The whole language would cost each
 * start more time than all the rest of the stand-in.
 */
export type Yaml = string | number | boolean | null | Yaml[] | { [key: string]: Yaml };

interface Line {
  indent: number;
  text: string;
  number: number;
}

/** @throws {Error} for text outside of what is described above. */
export function parseYaml(text: string): Yaml {
  const lines = text.split('\n').map(readLine).filter(isContent);
  if (lines.length === 0) return null;
  const reader = { lines, at: 0 };
  const value = readBlock(reader, lines[0]!.indent);
  if (reader.at < lines.length) refuse(reader.lines[reader.at]!, 'unexpected indentation');
  return value;
}

interface Reader {
  lines: Line[];
  at: number;
}

function readLine(raw: string, index: number): Line {
  const text = withoutComment(raw.replace(/\r$/, ''));
  const indent = text.length - text.trimStart().length;
  if (text.slice(0, indent).includes('\t')) refuse({ indent, text, number: index + 1 }, 'tab in indentation');
  return { indent, text: text.trim(), number: index + 1 };
}

function isContent(line: Line): boolean {
  return line.text !== '' && !(line.number === 1 && line.text === '---');
}

function withoutComment(text: string): string {
  let quote = '';
  for (let i = 0; i < text.length; i += 1) {
    const char = text[i]!;
    if (quote === '"' && char === '\\') i += 1;
    else if (quote !== '') quote = char === quote ? '' : quote;
    else if ((char === '"' || char === "'") && /^$|[\s,:[{-]/.test(text[i - 1] ?? '')) quote = char;
    else if (char === '#' && (i === 0 || /\s/.test(text[i - 1]!))) return text.slice(0, i).trimEnd();
  }
  return text.trimEnd();
}

function readBlock(reader: Reader, indent: number): Yaml {
  const first = reader.lines[reader.at]!;
  if (first.text === '-' || first.text.startsWith('- ')) return readSequence(reader, indent);
  return findKey(first.text) ? readMapping(reader, indent) : readFlowLines(reader, indent);
}

function readSequence(reader: Reader, indent: number): Yaml[] {
  const items: Yaml[] = [];
  for (let line = reader.lines[reader.at]; line?.indent === indent; line = reader.lines[reader.at]) {
    if (line.text !== '-' && !line.text.startsWith('- ')) break;
    const rest = line.text.slice(1).trimStart();
    if (rest === '') {
      reader.at += 1;
      items.push(readNested(reader, indent + 1));
    } else {
      // What follows the dash is a block of its own, as deep as its first character.
      line.indent += line.text.length - rest.length;
      line.text = rest;
      items.push(readBlock(reader, line.indent));
    }
  }
  return items;
}

function readMapping(reader: Reader, indent: number): Yaml {
  const map: { [key: string]: Yaml } = {};
  for (let line = reader.lines[reader.at]; line?.indent === indent; line = reader.lines[reader.at]) {
    const found = findKey(line.text);
    if (!found) refuse(line, 'expected "key: value"');
    const { key, rest } = found;
    if (Object.hasOwn(map, key)) refuse(line, `key "${key}" is there twice`);
    if (rest === '') {
      reader.at += 1;
      // A list may stand as deep as the key that holds it.
      const next = reader.lines[reader.at];
      const isList = next?.indent === indent && (next.text === '-' || next.text.startsWith('- '));
      map[key] = isList ? readSequence(reader, indent) : readNested(reader, indent + 1);
    } else {
      line.text = rest;
      map[key] = readFlowLines(reader, indent);
    }
  }
  return map;
}

function readNested(reader: Reader, least: number): Yaml {
  const line = reader.lines[reader.at];
  return line && line.indent >= least ? readBlock(reader, line.indent) : null;
}

/** Up to the first colon that a blank or the line's end follows. */
const keyPattern =
  /^(?:("(?:[^"\\]|\\.)*")|('(?:[^']|'')*')|((?:[^\s"'[\]{},&*!|>%@`#?-]|[?-](?=\S)).*?))\s*:(?:\s+(.*))?$/;

function findKey(text: string): { key: string; rest: string } | undefined {
  const [, double, single, plain, rest = ''] = keyPattern.exec(text) ?? [];
  const written = double ?? single ?? plain;
  return written === undefined ? undefined : { key: String(readScalarText(written)), rest };
}

/** A scalar or flow collection; the latter may go on over deeper lines. */
function readFlowLines(reader: Reader, indent: number): Yaml {
  const line = reader.lines[reader.at]!;
  let text = line.text;
  reader.at += 1;
  const open = () => (text.match(/[[{]/g)?.length ?? 0) > (text.match(/[\]}]/g)?.length ?? 0);
  if (/^[[{]/.test(text)) {
    for (let next = reader.lines[reader.at]; next && open(); next = reader.lines[reader.at]) {
      text += ` ${next.text}`;
      reader.at += 1;
    }
  }
  const following = reader.lines[reader.at];
  if (following && following.indent > indent) refuse(following, 'unexpected indentation');
  const flow = { text, at: 0 };
  const value = readFlow(flow, '', line);
  if (flow.at < flow.text.length) refuse(line, `unexpected "${flow.text.slice(flow.at)}"`);
  return value;
}

interface Flow {
  text: string;
  at: number;
}

function readFlow(flow: Flow, ends: string, line: Line): Yaml {
  skipBlanks(flow);
  const char = flow.text[flow.at] ?? '';
  if (char === '[') return readFlowList(flow, line);
  if (char === '{') return readFlowMap(flow, line);
  const rest = flow.text.slice(flow.at);
  const quoted = /^"(?:[^"\\]|\\.)*"|^'(?:[^']|'')*'/.exec(rest)?.[0];
  const token = quoted ?? (ends === '' ? rest : (new RegExp(`^(?:[^${ends}:]|:(?!\\s|$))*`).exec(rest)?.[0] ?? ''));
  if (quoted === undefined && (/^([&*!|>%@`]|\?(\s|$))/.test(token) || (token.includes(': ') && ends === '')))
    refuse(line, `cannot read "${token}"`);
  flow.at += token.length;
  skipBlanks(flow);
  return readScalarText(token.trim());
}

function readFlowList(flow: Flow, line: Line): Yaml[] {
  const items: Yaml[] = [];
  flow.at += 1;
  for (skipBlanks(flow); flow.text[flow.at] !== ']'; skipBlanks(flow)) {
    items.push(readFlow(flow, ',\\]', line));
    if (flow.text[flow.at] === ',') flow.at += 1;
    else if (flow.text[flow.at] !== ']') refuse(line, 'list without end');
  }
  flow.at += 1;
  skipBlanks(flow);
  return items;
}

function readFlowMap(flow: Flow, line: Line): Yaml {
  const map: { [key: string]: Yaml } = {};
  flow.at += 1;
  for (skipBlanks(flow); flow.text[flow.at] !== '}'; skipBlanks(flow)) {
    const key = readFlow(flow, ',}', line);
    if (flow.text[flow.at] !== ':') refuse(line, 'expected "key: value"');
    flow.at += 1;
    map[String(key)] = readFlow(flow, ',}', line);
    if (flow.text[flow.at] === ',') flow.at += 1;
    else if (flow.text[flow.at] !== '}') refuse(line, 'map without end');
  }
  flow.at += 1;
  skipBlanks(flow);
  return map;
}

function skipBlanks(flow: Flow): void {
  while (flow.text[flow.at] === ' ') flow.at += 1;
}

function readScalarText(text: string): Yaml {
  if (text.startsWith('"')) return JSON.parse(text) as string;
  if (text.startsWith("'")) return text.slice(1, -1).replaceAll("''", "'");
  if (/^(|~|null|Null|NULL)$/.test(text)) return null;
  // Small, capitalised or large; anything between is a text.
  if (/^([Tt]rue|TRUE|[Yy]es|YES|[Oo]n|ON)$/.test(text)) return true;
  if (/^([Ff]alse|FALSE|[Nn]o|NO|[Oo]ff|OFF)$/.test(text)) return false;
  if (/^[-+]?(\d+(\.\d*)?|\.\d+)(e[-+]?\d+)?$/i.test(text)) return Number(text);
  return text;
}

function refuse(line: Line, why: string): never {
  throw new Error(`yaml: line ${line.number}: ${why}`);
}
