import { createColors } from 'picocolors';
import { renderCheck } from '../../src/cli/check-text';
import { type ChecklistFacts, makeChecklist } from '../../src/cli/checklist';
import type { Finding } from '../../src/cluster/preflight/findings';

const colors = createColors(false);
const setting = (host: string): Finding => ({
  code: 'KERNEL_SETTING',
  level: 'warning',
  host,
  what: 'vm.overcommit_memory is 0, expected 1',
  why: 'Redis forks to save',
  mend: 'krakenctl check --apply',
});
const blocked: Finding = {
  code: 'PORT_BLOCKED',
  level: 'failure',
  host: 'node-1',
  what: 'node-1 gets no answer (a firewall drops it) at node-2, port 8082',
  why: 'parts on different hosts could not talk',
  mend: 'open TCP 8082 from node-1 to node-2',
};

const ways = { tried: 72, untried: 0 };
const facts: ChecklistFacts = {
  ...{ keysSet: 12, warnings: 0, findings: [], hosts: 3, ways, firewall: [] },
  tls: { wanted: false, runs: false },
};

const render = (findings: Finding[], notShown?: number) =>
  renderCheck(
    {
      cluster: 'demo',
      hosts: 3,
      through: 'the worker',
      tookMs: 1400,
      findings,
      notShown,
      checklist: makeChecklist({ ...facts, findings }),
    },
    colors,
  );

test('the same of several hosts is one finding; a host that the text names is not said twice', () => {
  const lines = render([blocked, setting('node-1'), setting('node-2')]);
  expect(lines.filter((line) => line.includes('KERNEL_SETTING'))).toEqual([
    ' ! KERNEL_SETTING node-1, node-2: vm.overcommit_memory is 0, expected 1',
  ]);
  expect(lines).toContain(` ✘ PORT_BLOCKED ${blocked.what}`);
  expect(lines).toContain('     mend open TCP 8082 from node-1 to node-2');
});

test('the ten lines of the production checklist stand there, those not built as "not yet"', () => {
  const lines = render([]);
  const list = lines.slice(lines.indexOf('production checklist') + 1).filter(Boolean);
  expect(list).toHaveLength(10);
  expect(list.filter((line) => line.includes('not yet:'))).toHaveLength(3);
  expect(list.find((line) => line.includes('Validate network connectivity'))).toMatch(/^ ✔/);
  expect(lines).toContain(' ✔ nothing speaks against a deploy');
});

test('a way that is cut fails its line of the checklist', () => {
  const list = makeChecklist({ ...facts, findings: [blocked] });
  expect(list.find((line) => line.title === 'Validate network connectivity')).toMatchObject({ state: 'failed' });
});

test('ports that were not tried are told, and are no ✔', () => {
  const list = makeChecklist({ ...facts, ways: { tried: 0, untried: 72 } });
  const line = list.find((l) => l.title === 'Validate network connectivity');
  expect(line).toMatchObject({ state: 'open', note: expect.stringContaining('72 were not tried') });
});

test.each([
  [[], 'open', /^krakenctl firewall plan shows them/],
  [['node-1'], 'open', /^1 of 3 nodes have rules; /],
  [['node-1', 'node-2', 'node-3'], 'done', /^all 3 nodes have rules/],
])('the line of the firewall with rules on %j', (firewall, state, note) => {
  const list = makeChecklist({ ...facts, firewall });
  const line = list.find((l) => l.title === 'Configure firewall rules');
  expect(line).toMatchObject({ state, note: expect.stringMatching(note) });
});

const ended: Finding = { ...blocked, code: 'CERTIFICATES_ENDED' };

test.each([
  ['not asked for', { wanted: false, runs: false }, [], 'open', /ENABLE_TLS=true, then krakenctl deploy/],
  ['asked for', { wanted: true, runs: false }, [], 'open', /krakenctl deploy brings them/],
  ['there', { wanted: true, runs: true }, [], 'done', /krakenctl tls status/],
  ['over', { wanted: true, runs: true }, [ended], 'failed', /see above/],
] as const)('the line of certificates: %s', (_, tls, findings, state, note) => {
  const line = makeChecklist({ ...facts, tls, findings: [...findings] })[1];
  expect(line).toMatchObject({
    title: 'Configure TLS certificates',
    state,
    note: expect.stringMatching(note),
  });
});

test('what a filter hides is counted, and nothing is said to be well because of it', () => {
  const lines = render([], 2);
  expect(lines).toContain(' i 2 findings of other nodes are not shown');
  expect(lines.join('\n')).not.toContain('nothing speaks against a deploy');
});
