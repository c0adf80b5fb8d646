import type { WaitedForAgents } from '../contracts/operation';

const plural = (count: number, one: string, more: string) =>
  count === 0 ? [] : [`${count} ${count === 1 ? one : more}`];

/** `2 agents and 1 VM that installed itself` */
export function nameWaited({ known, installed }: WaitedForAgents): string {
  const names = [
    ...plural(known, 'agent', 'agents'),
    ...plural(installed, 'VM that installed itself', 'VMs that installed themselves'),
  ];
  return names.join(' and ');
}
