import { tellSwitch } from '../../src/cli/auth-switch';
import { describeAuth, renderUsers } from '../../src/cli/auth-text';
import { plain } from './streams';

const view = { generation: 1, users: [], revoked: [], tokens: [], serials: {}, unseen: [] };

describe('who may come in, as lines', () => {
  test('says how to let somebody in where nobody is', () => {
    expect(renderUsers(view, plain).join()).toContain('krakenctl auth users add');
  });

  test('names each with what it may, VMs that were thrown out, and nodes that were not seen', () => {
    const users = [{ name: 'ci', role: 'push' as const, since: '2026-11-30T00:00:00.000Z' }];
    const lines = renderUsers(
      { ...view, users, revoked: ['10.0.2.1'], unseen: [{ host: 'node-3', error: 'no route' }] },
      plain,
    );
    expect(lines).toEqual([
      ' ci  may pull and push  since 2026-11-30T00:00:00.000Z',
      ' VMs whose credential was taken away: 10.0.2.1',
      ' ! node-3, which keeps the list too: no route',
    ]);
  });

  test('an operation that left a load balancer says what brings it there', () => {
    const report = {
      auth: true as const,
      operation: { id: 'x', verb: 'auth', actor: 'ana' },
      changed: true,
      generation: 2,
      summary: 'user eva is removed',
      balancers: ['node-1', 'node-2'],
      left: [{ host: 'node-3', why: 'no route' }],
    };
    const { lines, left } = describeAuth(report, { colors: plain } as Parameters<typeof describeAuth>[1]);
    expect(left).toEqual(['node-3: no route']);
    expect(lines[0]).toContain('krakenctl deploy');
    expect(lines[1]).toContain('user eva is removed');
    expect(lines[1]).toContain('2 load balancers');
  });

  test.each([
    [{ users: 0, vms: 0, enrolled: [] }, /nobody may push or pull/],
    [{ users: 2, vms: 3, enrolled: [] }, /3 agents go on/],
    [{ users: 2, vms: 3, enrolled: ['10.0.2.9'] }, /1 VMs that installed themselves are refused.*10\.0\.2\.9/],
  ])('before logins are asked for, what will not work is said: %j', (what, expected) => {
    expect(tellSwitch(what).join(' ')).toMatch(expected);
  });
});
