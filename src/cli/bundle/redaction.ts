import { redacted } from '../../config/secret';

/** Takes out what must not leave the machine, from any text. */
export type Redact = (text: string) => string;

/** `-----BEGIN … PRIVATE KEY-----` to its end, or to the end of the text where that is cut off. */
const keyBlock =
  /-----BEGIN [A-Z0-9 ]*PRIVATE KEY( BLOCK)?-----[\s\S]*?(-----END [A-Z0-9 ]*PRIVATE KEY( BLOCK)?-----|$)/g;
/** The end of a key whose beginning was cut off. */
const keyEnd = /(^[^\n]*[A-Za-z0-9+/=]{40,}\r?\n)*[^\n]*-----END [A-Z0-9 ]*PRIVATE KEY( BLOCK)?-----/gm;
const headers =
  /\b((?:proxy-)?authorization|(?:set-)?cookie|x-(?:api-key|auth-token|amz-security-token))([\\"']*\s*[:=]\s*\[?[\\"']*)(?:digest[^\r\n]*|[^\r\n"'\\]+)/gi;
const userInfo = /(\b[a-z][a-z0-9+.-]*:\/\/)[^\s/"'@:]*:[^\s/"']*@/gi;
const assignment =
  /\b([a-z0-9_.-]*(?:secret|password|passwd|passphrase|token|credential|private_?key|api_?key|webhook_?url)[a-z0-9_]*)([\\"']*\s*[=:]\s*[\\"']*)([^\s"',;}\\]+)/gi;

/** Redacts the given values in every form in which they may be written, and what is a secret by its look. */
export function makeRedactor(secrets: string[]): Redact {
  const forms = [...new Set(secrets.flatMap(formsOf))].sort((a, b) => b.length - a.length);
  const values = forms.length > 0 ? new RegExp(forms.map(escapeRegExp).join('|'), 'g') : undefined;
  return (text) => {
    const known = values ? text.replace(values, redacted) : text;
    return known
      .replace(keyBlock, redacted)
      .replace(keyEnd, redacted)
      .replace(headers, `$1$2${redacted}`)
      .replace(userInfo, `$1${redacted}@`)
      .replace(assignment, (whole, name: string, between: string, value: string) =>
        value === redacted || /^(true|false|null|undefined|\d{1,4})$/.test(value)
          ? whole
          : `${name}${between}${redacted}`,
      );
  };
}

/** As it is, as in JSON, as in JSON inside JSON, as in a URL, and in base64. */
function formsOf(secret: string): string[] {
  const inJson = JSON.stringify(secret).slice(1, -1);
  const inside = JSON.stringify(inJson).slice(1, -1);
  const base64 = Buffer.from(secret).toString('base64').replace(/=+$/, '');
  return [secret, inJson, inside, encodeURIComponent(secret), base64, Buffer.from(secret).toString('base64url')];
}

function escapeRegExp(text: string): string {
  return text.replace(/[.*+?^${}()|[\]\\]/g, '\\$&');
}
