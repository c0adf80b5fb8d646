/** Amounts as a person writes them, exactly: two that differ never read alike. */

const bytesOf: [number, string, string][] = [
  [2 ** 40, 'tb', 'TiB'],
  [2 ** 30, 'gb', 'GiB'],
  [2 ** 20, 'mb', 'MiB'],
  [2 ** 10, 'kb', 'KiB'],
];

/** As in `.env` and redis.conf: `512mb`; what is no whole number of any unit is plain. */
export function writeSize(bytes: number): string {
  const [unit, suffix] = bytesOf.find(([unit]) => bytes > 0 && bytes % unit === 0) ?? [1, ''];
  return `${bytes / unit}${suffix}`;
}

/** `512 MiB` */
export function sayMemory(bytes: number): string {
  const [unit, , name] = bytesOf.find(([unit]) => bytes > 0 && bytes % unit === 0) ?? [1, '', 'bytes'];
  return bytes > 0 ? `${bytes / unit} ${name}` : 'none';
}

/** As in `.env`: `5s` */
export function writeDuration(ms: number): string {
  return ms % 1000 === 0 ? `${ms / 1000}s` : `${ms}ms`;
}

export function sayCores(nanoCpus: number): string {
  const cores = nanoCpus / 1e9;
  return nanoCpus === 0 ? 'none' : `${cores} ${cores === 1 ? 'core' : 'cores'}`;
}
