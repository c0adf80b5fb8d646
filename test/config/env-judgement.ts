import { findKey } from '../../src/config/keys';
import { loadConfig } from '../../src/config/load';
import type { Captured } from '../cli/streams';
import { canary, canonical, type RightFile, type WrongFile } from './env-cases';

/** What is wrong with how a case was judged; empty for none. */
export function judgeWrong({ key, text, file, line }: WrongFile): string[] {
  const loaded = loadConfig({ envFile: { name: '.env', text: file } });
  if (loaded.ok) return ['accepted'];
  const [mistake, ...more] = loaded.mistakes;
  const told = JSON.stringify(loaded.mistakes);
  const faults: string[] = [];
  if (more.length > 0) faults.push(`${more.length + 1} mistakes: ${told}`);
  if (mistake!.key !== key) faults.push(`names ${mistake!.key}`);
  if (mistake!.line !== line) faults.push(`line ${mistake!.line} instead of ${line}`);
  if (mistake!.file !== '.env') faults.push(`file ${mistake!.file}`);
  if (mistake!.problem.length < 5 || mistake!.expected.length < 5) faults.push(`says too little: ${told}`);
  if (/undefined|\[object|NaN/.test(told) && !/undefined|\[object|NaN/.test(text)) faults.push(`says ${told}`);
  if (unseen.test(`${mistake!.problem}${mistake!.expected}${mistake!.value}${mistake!.hint}`))
    faults.push('control character');
  if (findKey(key)!.secret) faults.push(...judgeSecret(told, mistake!.value));
  else if (mistake!.value === undefined) faults.push('no value');
  else if (/^[A-Za-z0-9._:,+-]{1,40}$/.test(text) && mistake!.value !== text) faults.push(`value ${mistake!.value}`);
  return faults;
}

const unseen = /[\u0000-\u001f\u007f-\u009f\u200b-\u200f\u2028-\u202e\u2060-\u206f\ufeff]/;

function judgeSecret(told: string, value: string | undefined): string[] {
  if (told.includes(canary)) return ['the secret is shown'];
  return value === undefined || value === '[redacted]' ? [] : [`value ${value}`];
}

/** The same file through the command. */
export function judgeCommand({ key, line }: WrongFile, path: string, { code, out, err }: Captured): string[] {
  const faults: string[] = [];
  if (code !== 2) faults.push(`exit ${code}`);
  if (out !== '') faults.push(`stdout ${out}`);
  if (!err.startsWith('✘ CONFIG_INVALID 1 mistake in the configuration, no host was contacted\n'))
    faults.push(`says ${err}`);
  if (!err.includes(`${path}:${line} `) || !err.includes(key)) faults.push(`no ${path}:${line} ${key}: ${err}`);
  if (/\n\s+at /.test(err)) faults.push('a stack');
  if (unseen.test(err.replaceAll('\n', ''))) faults.push('control character');
  if (err.includes(canary)) faults.push('the secret is shown');
  return faults;
}

/** Any spelling means what the canonical one means, and the canonical one is its own. */
export function judgeRight({ values, file }: RightFile): string[] {
  const text = canonical(values);
  const [own, rewritten, plain] = [file, text, undefined].map((t) =>
    loadConfig(t === undefined ? { environment: values } : { envFile: { name: '.env', text: t } }),
  );
  if (!own!.ok) return [`refused: ${JSON.stringify(own!.mistakes)}`];
  if (!rewritten!.ok) return [`its rewriting is refused: ${JSON.stringify(rewritten!.mistakes)}`];
  if (!plain!.ok) return ['refused from the environment'];
  const faults: string[] = [];
  const means = (c: typeof own) => c!.ok && JSON.stringify([c!.spec, c!.logDir, c!.metricsDir]);
  if (means(own) !== means(rewritten)) faults.push('another spec than its rewriting');
  // The environment has a home and may name an agent; .env alone does not.
  if (means(own) !== means(plain)) faults.push('another spec than from the environment');
  return faults;
}
