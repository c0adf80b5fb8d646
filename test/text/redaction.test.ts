import { makeRedactor } from '../../src/text/redaction';

const secret = 'c4n"ary\\päss/word?x';
const redact = makeRedactor([secret]);

test.each([
  ['as it is', secret],
  ['in JSON', JSON.stringify({ a: secret })],
  ['in JSON inside JSON', JSON.stringify({ a: JSON.stringify({ b: secret }) })],
  ['in a URL', `http://host/?token=${encodeURIComponent(secret)}`],
  ['in base64', Buffer.from(secret).toString('base64')],
  ['in base64 for URLs', Buffer.from(secret).toString('base64url')],
  ['twice in a line', `${secret} and ${secret}`],
])('a known secret %s is found', (_, text) => {
  const out = redact(`before ${text} after`);
  expect(out).toMatch(/^before .*\[redacted\].* after$/);
  expect(out).not.toContain('c4n');
  expect(out).not.toContain(Buffer.from(secret).toString('base64').slice(0, 8));
});

const key = `-----BEGIN OPENSSH PRIVATE KEY-----\n${'b3BlbnNzaC1rZXktdjEAAAAABG5vbmUAAAAEbm9uZQAAAAAAAAABAAAAMwAAAAtzc2gt\n'.repeat(3)}-----END OPENSSH PRIVATE KEY-----`;

test.each([
  ['Authorization: Bearer CANARY', 'Authorization: [redacted]'],
  ['"authorization":"Basic CANARY","x":1', '"authorization":"[redacted]","x":1'],
  ['{\\"Authorization\\":\\"Basic CANARY\\"}', '{\\"Authorization\\":\\"[redacted]\\"}'],
  ['Proxy-Authorization: Digest username="CANARY", response="CANARY"', 'Proxy-Authorization: [redacted]'],
  ['set-cookie: id=CANARY; path=/', 'set-cookie: [redacted]'],
  ['pulling https://ana:CANARY@registry.example/v2/', 'pulling https://[redacted]@registry.example/v2/'],
  ['redis://:CANARY@10.0.1.1:6379', 'redis://[redacted]@10.0.1.1:6379'],
  ['AWS_SECRET_ACCESS_KEY=CANARY region=x', 'AWS_SECRET_ACCESS_KEY=[redacted] region=x'],
  ['{"registryPassword": "CANARY"}', '{"registryPassword": "[redacted]"}'],
  ['curl -H "Bearer CANARYCANARYCANARYCANARY" http://x', 'curl -H "Bearer [redacted]" http://x'],
  ['GET /b/k?X-Amz-Signature=CANARY&x=1', 'GET /b/k?X-Amz-Signature=[redacted]'],
])('%j becomes %j', (text, expected) => {
  expect(makeRedactor([])(text)).toBe(expected);
});

test.each([
  ['whole', key],
  ['in JSON', JSON.stringify({ key })],
  ['without its end', key.slice(0, 150)],
  ['without its beginning', key.slice(120)],
  ['with a prefix on each line', key.replace(/^/gm, '2026-11-23T00:00:00Z ')],
])('a private key %s is taken out', (_, text) => {
  const out = makeRedactor([])(`before\n${text}\nafter`);
  expect(out).toContain('[redacted]');
  expect(out).not.toMatch(/b3BlbnNz|AAAAMwAA/);
  expect(out).toContain('before');
});

test.each([
  'kraken-cluster-node-1-origin running since 2026-11-23T00:00:00Z',
  'http://10.0.1.10:5000/v2/demo/hello/manifests/sha256:0123',
  'git@example.com and ops@bastion:22',
  '{"enableAuth":false,"token":null}',
  'bearer authentication failed',
  '-----BEGIN CERTIFICATE-----\nabc\n-----END CERTIFICATE-----',
])('what is no secret stays: %s', (text) => {
  expect(redact(text)).toBe(text);
});

test.each([
  ['lines that end in a sum', `blob taken in sha256:${'0123456789abcdef'.repeat(4)}\n`.repeat(20_000)],
  ['one long run of names', 'a-b.'.repeat(250_000)],
  ['one long run of base64', 'ab+/'.repeat(250_000)],
])('a megabyte of %s is read in a moment, and nothing of it is taken for a secret', (_, text) => {
  const startedAt = performance.now();
  expect(redact(`${text} `)).toBe(`${text} `);
  expect(performance.now() - startedAt).toBeLessThan(2000);
});
