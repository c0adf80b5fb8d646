import type { ZodType } from 'zod';
import { Secret } from '../secret';
import { readHost } from './places';
import { Refusal, readText } from './text';

/** Secrets and addresses of systems outside the cluster. */

export const authSecret: ZodType<Secret, string> = readText((text) => {
  if (!/^[\x20-\x7e]*$/.test(text)) return new Refusal('only printable ASCII');
  if (text.trim() !== text) return new Refusal('without blanks at its ends');
  if (text.length < 12 || text.length > 256) return new Refusal(text.length < 12 ? 'too short' : 'too long');
  return new Secret(text);
});

/** Webhook addresses carry their credential in the path, so the whole is a secret. */
export const webhookUrl: ZodType<Secret, string> = readText((text) => {
  const url = readUrl(text);
  return url instanceof Refusal ? url : new Secret(text);
});

function readUrl(text: string): URL | Refusal {
  if (!/^https?:\/\/[A-Za-z0-9]/.test(text)) return new Refusal('it begins with https:// or http://');
  if (!/^[A-Za-z0-9._~:/?#@!&()*+,;=%-]{1,2000}$/.test(text))
    return new Refusal('a character that no URL holds unescaped');
  if (!URL.canParse(text)) return new Refusal('not a URL');
  const url = new URL(text);
  return url.username || url.password ? new Refusal('without user and password in it') : url;
}

const folder = /^\/[A-Za-z0-9._+=,-]+(\/[A-Za-z0-9._+=,-]+)*$/;

/** A folder, `sftp:user@host:/folder` or `s3:https://host/bucket/folder`. */
export const backupRepository: ZodType<string, string> = readText((text) => {
  if (text.startsWith('/')) return isFolder(text) ? text : new Refusal('an absolute folder without .. in it');
  const sftp = /^sftp:[A-Za-z0-9_][A-Za-z0-9._-]{0,31}@([^:/]+):(\/.*)$/.exec(text);
  if (sftp) {
    const host = readHost(sftp[1]!);
    if (host instanceof Refusal) return host;
    return isFolder(sftp[2]!) ? text : new Refusal('an absolute folder after the host');
  }
  if (!text.startsWith('s3:')) return new Refusal('begin with /, sftp: or s3:');
  const url = readUrl(text.slice(3));
  if (url instanceof Refusal) return url;
  // S3 bucket names have at least three characters; a shorter one fails only at the first backup.
  return isFolder(url.pathname) && /^\/[a-z0-9][a-z0-9.-]{2,62}(\/|$)/.test(url.pathname) && !url.search && !url.hash
    ? text
    : new Refusal('s3:https://host/bucket/folder');
});

function isFolder(text: string): boolean {
  return text.length <= 255 && folder.test(text) && !text.split('/').some((part) => part === '.' || part === '..');
}
