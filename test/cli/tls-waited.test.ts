import { describeTls } from '../../src/cli/deploy-text';
import { nameWaited } from '../../src/cli/tls-waited';

test.each([
  [{ known: 1, installed: 0 }, '1 agent'],
  [{ known: 2, installed: 1 }, '2 agents and 1 VM that installed itself'],
  [{ known: 0, installed: 3 }, '3 VMs that installed themselves'],
])('%j is named %s', (waited, text) => expect(nameWaited(waited)).toBe(text));

test('what is left of a change of TLS says for whom it waits', () => {
  const [stages, left] = [['accept', 'bus', 'speak'], ['require']];
  expect(describeTls({ stages, left })).toEqual([
    ' TLS: accept → bus → speak',
    ' ! TLS goes on with the next deploys: require',
  ]);
  const agents = { known: 2, installed: 0 };
  expect(describeTls({ stages, left, agents })[1]).toBe(' ! TLS goes on when 2 agents have followed: require');
  expect(describeTls({ stages: [], left, agents })).toHaveLength(1);
  expect(describeTls({ stages: ['require'], left: [] })).toEqual([]);
});
