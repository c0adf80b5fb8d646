export const redacted = '[redacted]';

/** Takes out what must not leave the machine, from any text; in a time that grows with its length alone. */
export type Redact = (text: string) => string;

/** `-----BEGIN … PRIVATE KEY-----` to its end, or to the end of the text where that is cut off. */
const keyBlock =
  /-----BEGIN [A-Z0-9 ]*PRIVATE KEY( BLOCK)?-----[\s\S]*?(-----END [A-Z0-9 ]*PRIVATE KEY( BLOCK)?-----|$)/g;
const upToKeyEnd = /^.*-----END [A-Z0-9 ]*PRIVATE KEY( BLOCK)?-----/;
const keyLine = /(?<![A-Za-z0-9+/=])[A-Za-z0-9+/=]{40,}\r?$/;
const headers =
  /\b((?:proxy-)?authorization|(?:set-)?cookie|x-(?:api-key|auth-token|amz-security-token))([\\"']*\s*[:=]\s*\[?[\\"']*)(?:digest[^\r\n]*|[^\r\n"'\\]+)/gi;
const bearer = /\b(bearer\s+)[a-z0-9._~+/=-]{20,}/gi;
const userInfo = /([a-z][a-z0-9+.-]{0,30}:\/\/)[^\s/"'@:]*:[^\s/"']*@/gi;
const assignment =
  /(?<![a-z0-9_.-])([a-z0-9_.-]*(?:secret|password|passwd|passphrase|token|credential|x-amz-signature|private_?key|api_?key|webhook_?url)[a-z0-9_]*)([\\"']*\s*[=:]\s*[\\"']*)([^\s"',;}\\]+)/gi;

/** Redacts the given values in every form in which they may be written, and what is a secret by its look. */
export function makeRedactor(secrets: string[]): Redact {
  const forms = [...new Set(secrets.flatMap(formsOf))].sort((a, b) => b.length - a.length);
  const values = forms.length > 0 ? new RegExp(forms.map(escapeRegExp).join('|'), 'g') : undefined;
  return (text) => {
    const known = values ? text.replace(values, redacted) : text;
    return withoutKeyEnds(known.replace(keyBlock, redacted))
      .replace(headers, `$1$2${redacted}`)
      .replace(bearer, `$1${redacted}`)
      .replace(userInfo, `$1${redacted}@`)
      .replace(assignment, (whole, name: string, between: string, value: string) =>
        value === redacted || /^(true|false|null|undefined|\d{1,4})$/.test(value)
          ? whole
          : `${name}${between}${redacted}`,
      );
  };
}

/** Of keys whose beginning was cut off, with the lines of them that are there. */
function withoutKeyEnds(text: string): string {
  const kept: string[] = [];
  for (const line of text.split('\n')) {
    const isEnd = upToKeyEnd.test(line);
    while (isEnd && keyLine.test(kept.at(-1) ?? '')) kept.pop();
    kept.push(isEnd ? line.replace(upToKeyEnd, redacted) : line);
  }
  return kept.join('\n');
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
