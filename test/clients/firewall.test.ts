import { spawnSync } from 'node:child_process';
import { parseFirewall } from '../../src/clients/firewall-host';
import { firewallPrograms, observeProgram } from '../../src/clients/firewall-programs';
import { firewallFile, firewallTable, firewallUnit } from '../../src/cluster/firewall/names';

/** What these programs do is seen on hosts that have nft and systemd: test/e2e/firewall.test.ts. */

const programs = firewallPrograms('');

test.each(Object.entries({ ...programs, observeProgram }))(
  '%s is a program that a shell can read',
  (_name, program) => {
    const { status, stderr } = spawnSync('sh', ['-n'], { input: program, encoding: 'utf8' });
    expect([status, stderr]).toEqual([0, '']);
  },
);

test('the timer that takes rules back is seen running before they are loaded', () => {
  const at = (text: string) => programs.tryOut.indexOf(text);
  expect(at('systemd-run')).toBeGreaterThan(0);
  expect(at('systemctl is-active --quiet "$own.timer"')).toBeGreaterThan(at('systemd-run'));
  expect(at('\nnft -f "$trial"')).toBeGreaterThan(at('systemctl is-active --quiet "$own.timer"'));
});

test('the names that a host works out itself are those of the model', () => {
  const cluster = 'blue-2';
  const places = observeProgram
    .split('\n')
    .filter((line) => /^(LC_ALL|IFS|d=|table=|timer=)/.test(line))
    .join('\n');
  const print = 'printf "%s\\n" "$kept" "$table" "$unit"';
  const { stdout } = spawnSync('sh', ['-c', `${places}\n${print}`], { input: `${cluster}\n`, encoding: 'utf8' });
  expect(stdout.trim().split('\n')).toEqual([firewallFile(cluster), firewallTable(cluster), firewallUnit(cluster)]);
});

describe('what a host says of its firewall is read', () => {
  test('of one without rules', () => {
    expect(parseFirewall('')).toMatchObject({ missing: [], loaded: 'none', enabled: false, armedSeconds: undefined });
    expect(parseFirewall('missing nft\nmissing unshare\n').missing).toEqual(['nft', 'unshare']);
    expect(parseFirewall('error Operation not supported\n').error).toBe('Operation not supported');
  });

  test('of one with rules on trial, and one where they were taken back', () => {
    const rules = '{"nftables": [{"counter": {"name": "dropped_6379", "packets": 3}}]}';
    const text = `a banner\nkept ${'a'.repeat(64)}\ntrial ${'b'.repeat(64)}\nenabled yes\narmed -2\nloaded trial\nrules ${rules}\n`;
    expect(parseFirewall(text)).toMatchObject({
      loaded: 'trial',
      keptSum: 'a'.repeat(64),
      trialSum: 'b'.repeat(64),
      enabled: true,
      // The timer may be a little late.
      armedSeconds: 0,
      rules: { dropped: [{ port: 6379, packets: 3 }] },
    });
    expect(parseFirewall('reverted 1795974278 abc open\n').reverted).toEqual({
      at: '2026-11-29T17:44:38.000Z',
      sum: 'abc',
      to: 'open',
    });
  });
});
