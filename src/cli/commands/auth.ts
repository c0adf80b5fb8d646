import type { Command } from 'commander';
import { type AuthOptions, addUser, listUsers, removeUser, renewPassword } from '../auth';
import { type RotateOptions, rotateSecret } from '../auth-rotate';
import type { Wire } from '../context';
import { reasonOption } from '../reasons';
import { addRunOptions, timeoutOption } from '../run-options';

const holder = 'another operation on logins';

export function addAuthCommands(program: Command, wire: Wire): void {
  const auth = program.command('auth').description('who may come in through the load balancers');
  const rotate = auth
    .command('rotate')
    .description(
      'bring the cluster to the AUTH_SECRET that .env has now; both let in until every agent has its new credential',
    )
    .option('--max-failures <n|p%>', 'VMs that may be left behind; they come to it by themselves (default: 0)')
    .option(...reasonOption)
    .addOption(timeoutOption())
    .option('--wait-lock [duration]', `when ${holder} runs, wait for its end (60s, 5m)`);
  rotate.action(wire<RotateOptions>(rotateSecret));
  const users = auth.command('users').description('people and CI who push or pull: docker login');
  users.command('list').description('their names and roles').action(wire(listUsers));
  const add = users
    .command('add')
    .description('somebody new; the password is made here and shown once')
    .argument('<name>')
    .option('--role <role>', 'pull, or push, who may pull too', 'pull')
    .option(...reasonOption);
  addRunOptions(add, holder).action(wire<AuthOptions>(addUser));
  const passwd = users
    .command('passwd')
    .description('a new password, shown once; the one before does not hold any more')
    .argument('<name>')
    .option(...reasonOption);
  addRunOptions(passwd, holder).action(wire<AuthOptions>(renewPassword));
  const remove = users
    .command('remove')
    .description('nobody comes in by this name any more')
    .argument('<name>')
    .option(...reasonOption);
  addRunOptions(remove, holder).action(wire<AuthOptions>(removeUser));
}
