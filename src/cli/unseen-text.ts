/** What was not seen, and why: told wherever an answer is made without it. */
export interface Unseen {
  host: string;
  error: string;
}

/** `node-2: connect ETIMEDOUT`; some errors begin with the host already. */
export function describeUnseen({ host, error }: Unseen): string {
  const [first = ''] = error.split('\n', 1);
  return first.startsWith(`${host}: `) ? first : `${host}: ${first}`;
}
