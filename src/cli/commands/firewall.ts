import type { Command } from 'commander';
import type { Wire } from '../context';
import { defaultTrial, type FirewallOptions, operateFirewall, planFirewall, showFirewall } from '../firewall';
import { reasonOption } from '../reasons';
import { addRunOptions } from '../run-options';

const skip = [
  '--skip-unreachable',
  'go on without nodes that cannot be reached; they are left to do (exit 5)',
] as const;

export function addFirewallCommands(program: Command, wire: Wire): void {
  const firewall = program
    .command('firewall')
    .description('who may reach the ports of nodes and VMs: rules of nftables, made of what .env says');
  firewall
    .command('plan')
    .description(
      'which port is open to whom, and how what is loaded differs; changes nothing (exit 3: changes pending)',
    )
    .action(wire((context) => planFirewall(context)));
  const apply = firewall
    .command('apply')
    .description('put the rules onto every host; a host takes them back by itself unless a new login keeps them')
    .option('--trial <duration>', `time in which a new login must keep them (default: ${defaultTrial})`)
    .option(...skip)
    .option(...reasonOption);
  addRunOptions(apply).action(wire<FirewallOptions>((context, options) => operateFirewall(context, 'apply', options)));
  firewall
    .command('status')
    .description('what is loaded on every host, and what it dropped (exit 3: others than .env says)')
    .action(wire((context) => showFirewall(context)));
  const off = firewall
    .command('off')
    .description('take the rules away from every host')
    .option(...skip)
    .option(...reasonOption);
  addRunOptions(off).action(wire<FirewallOptions>((context, options) => operateFirewall(context, 'off', options)));
}
