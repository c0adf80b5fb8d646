// Turns Jest's result of the contract suite into evidence: which rule held on which images.
// usage: node report.mjs <jest result> <folder> <images as JSON by part>
import { execFileSync } from 'node:child_process';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

const [resultPath, folder, imagesJson] = process.argv.slice(2);
const { testResults } = JSON.parse(readFileSync(resultPath, 'utf8'));
const images = Object.entries(JSON.parse(imagesJson)).map(([part, reference]) => describeImage(part, reference));
const kind = images.every(({ standIn }) => standIn) ? 'stand-in' : 'real';
const rules = testResults
  .flatMap(({ assertionResults }) => assertionResults)
  .map(({ ancestorTitles, title, status, duration, failureMessages }) => ({
    about: ancestorTitles.at(-1),
    rule: title,
    result: status,
    milliseconds: Math.round(duration ?? 0),
    ...(failureMessages.length > 0 && { why: failureMessages[0].split('\n')[0] }),
  }));

const report = {
  images: kind,
  date: new Date().toISOString().slice(0, 10),
  version: only(images.map(({ version }) => version)),
  ...(kind === 'real' && { krakenCommit: only(images.map(({ commit }) => commit)) }),
  held: rules.filter(({ result }) => result === 'passed').length,
  broken: rules.filter(({ result }) => result === 'failed').length,
  parts: images.map(({ part, reference, id }) => ({ part, reference, id })),
  rules,
};
const path = join(folder, `contract-${kind}`);
writeFileSync(`${path}.json`, `${JSON.stringify(report, null, 2)}\n`);
writeFileSync(`${path}.md`, toMarkdown(report));
console.log(`${report.held} rules held, ${report.broken} broken, on ${kind} images: ${path}.md`);

function describeImage(part, reference) {
  const text = execFileSync(process.env.DOCKER ?? 'docker', ['image', 'inspect', reference], { encoding: 'utf8' });
  const [{ Id: id, Config }] = JSON.parse(text);
  const labels = Config.Labels ?? {};
  return {
    part,
    reference,
    id,
    standIn: labels['krakenctl.stand-in'] === '1',
    version: labels['org.opencontainers.image.version'] ?? reference.split(':').at(-1),
    commit: labels['org.opencontainers.image.revision'] ?? 'unknown',
  };
}

function only(values) {
  return [...new Set(values)].join(', ');
}

function toMarkdown({ images, date, version, krakenCommit, held, broken, parts, rules }) {
  const what = images === 'real' ? `Kraken ${version}, commit ${krakenCommit}` : `the stand-in, as ${version}`;
  const command =
    images === 'real' ? 'npm run test:kraken -- --registry R --version V --record' : 'npm run test:kraken -- --record';
  return [
    `# Contract suite on ${images === 'real' ? 'real images' : 'the stand-in'}`,
    '',
    `Images: **${images}** (${what}). Run on ${date}: ${held} rules held, ${broken} broken. Repeat with \`${command}\`.`,
    '',
    '| part | image | id |',
    '|---|---|---|',
    ...parts.map(({ part, reference, id }) => `| ${part} | ${reference} | \`${id.slice(0, 19)}\` |`),
    '',
    '| about | rule | result | ms |',
    '|---|---|---|---|',
    ...rules.map(
      ({ about, rule, result, milliseconds, why }) =>
        `| ${about} | ${escapeCell(rule)} | ${result}${why ? `: ${escapeCell(why)}` : ''} | ${milliseconds} |`,
    ),
    '',
  ].join('\n');
}

function escapeCell(text) {
  return text.replaceAll('|', '\\|').replaceAll('<', '&lt;');
}
