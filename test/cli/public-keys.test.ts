import { generateKeyPairSync } from 'node:crypto';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { findPublicKeys } from '../../src/cli/public-keys';

/** test/tls/client/client.crt of uber/kraken: a certificate whose private key is published beside it. */
const published = `-----BEGIN CERTIFICATE-----
MIIGIjCCBAqgAwIBAgIUQHq8ysShPR0wjzlZ0pEp8sa2wL0wDQYJKoZIhvcNAQEL
BQAwcTELMAkGA1UEBhMCVVMxCzAJBgNVBAgMAkNBMRYwFAYDVQQHDA1TYW4gRnJh
bmNpc2NvMQ0wCwYDVQQKDARVYmVyMRUwEwYDVQQLDAxjbHVzdGVyLW1nbXQxFzAV
BgNVBAMMDktyYWtlbiBUZXN0IENBMB4XDTI2MDgxMTEwNTkxN1oXDTMxMDgxMDEw
NTkxN1owbzELMAkGA1UEBhMCVVMxCzAJBgNVBAgMAkNBMRYwFAYDVQQHDA1TYW4g
RnJhbmNpc2NvMQ0wCwYDVQQKDARVYmVyMQ8wDQYDVQQLDAZrcmFrZW4xGzAZBgNV
BAMMEktyYWtlbiBUZXN0IENsaWVudDCCAiIwDQYJKoZIhvcNAQEBBQADggIPADCC
AgoCggIBAKxTSyzU143iok6MXW4FPhjDfME2JpUR4CzRA1yh/5WE2SUpu1QBgrdh
5pZ0Hjlmg8w+n3wUtH0TDCcuvCQFVVpthkrVsjsIPgOeMFBqvgTihi4SUgyCpqiO
+0QeTsQEuCH6zpr9aiW5Rre75Qv2oHQu1gT+PDsgIJTEI5RFHuTG2ivnTTZIMkFi
Mlc155Ty9mjrHSqC+bmsYPXf6nTicV+jWXAy0xYfJ//o9UKplLK2JHYYz+UW/qzo
GYEvG6FSTSs+Ap4elXGcmrp2QdFI2Ivbmzq4nCNDB2XUR4PVVx2DTz8T4j9mSk08
ApAZIPAfrtgTlIB4wmUsKh2q/3dvQ4piblyqt5WMfWKPof3mjmsZgvK24rby6AmO
BE4p7ISYx/6JCwZF9e9VmSoaZf1RqdekEDFKypmksODMTA+PZLPPoK96pz/8EtIR
pCcoGJqVq9FcT7kYkKcE5anhhlYNn0FIGsgUiElQiviwc6ViaziGQnAWSO2m97cN
mbuG2kfXwuGdIY3ZlsSyEqYGnfDLUkMUIP34IqiVT2IlUMz9ijAEyxDz1MpU+H6B
kdbG+BYjcXlG6bNsOjzITaMWE5+tBWja10/FhKBLfzgefeg0q03P6omJ9QkyHlI7
HG0dndwuFvYVXVWFvXw5lb/YL0+USZtAfJ05ohXrPWQeUl+GezmZAgMBAAGjgbMw
gbAwCQYDVR0TBAIwADALBgNVHQ8EBAMCBeAwEwYDVR0lBAwwCgYIKwYBBQUHAwIw
QQYDVR0RBDowOIIJbG9jYWxob3N0ggZrcmFrZW6CCyoubG9jYWxob3N0hwR/AAAB
hxAAAAAAAAAAAAAAAAAAAAABMB0GA1UdDgQWBBTUMDpoUrM3w2wFFELKWpaHnmER
rjAfBgNVHSMEGDAWgBTzV6FTJ8jtoUMe5zh+mKNZM6S0pjANBgkqhkiG9w0BAQsF
AAOCAgEAKng5O2ZNQ208EVuiRT7r7oYuVS5Fb05VRodlYhlew/B2GxlXFRQ5eUaz
KCh1LWIezj0+KdeV+2Vde9Q6DRBImfGrIIOJMqipFIVmkfdSJQH2IcKWCl0uWgmJ
YlguXPz4RlFy7yxkx/mwyhHiD+dz+Is752pL2N+lRaufb1Hbls+xnLYxLYGDdJBw
aqllOxR+dKZN4TxN0nBZXjBFoZVCHq7WKIsg6ZL7ATtOSEQqVhppyPVnxW45PqUD
f9/kRikjI3XmcSVVA1LSrufbDw84sJ9c7j2PmqWzNsamGhEeuksjbFPLlVYrymLY
e8ZKsJDxw8VtcXDrbDTS4q8l3RhK95hWJ9OdjgPDoq84E5NeW67Nubu9vyzOv7es
CkxW+R1ur8JuBbEAxdlF2eIzQIfxg2T65VTsoHw1PRtbuQ0gv9EefOGCb/xRiFtn
JYMBBAEs3l30jr57gotR/qZCQlGVn8wi+vKhx6esT5MnLbjJkd7r3FdN58gaOS+r
TTRCp8JfHnCYiEcin8wYrsS9+aCAEhSkjUFxUhDQyPqWOVuixQH62+d9eK6I/bcC
7ghwMdvjgsrAb9063Dkh2gmegl7UZ7oYGX+CQOLg0L7w2hcu80Fzknc7ZMhUzRoK
mmi0ZD5xEPtrRMP+zOdkEe6WpqjRbdMu8ZUS23nxqCzW5RtxsVk=
-----END CERTIFICATE-----
`;

let folder: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'krakenctl-keys-'));
});
afterEach(() => rmSync(folder, { recursive: true }));

function write(name: string, text: string): string {
  const path = join(folder, name);
  writeFileSync(path, text);
  return path;
}

test("Kraken's own test certificate is found, wherever it is used", () => {
  const path = write('a.crt', published);
  for (const key of ['CERT_PATH', 'CA_PATH']) {
    expect(findPublicKeys({ [key]: { value: path } })).toMatchObject([{ code: 'PUBLIC_KEY', level: 'failure' }]);
  }
});

test("a key of one's own, a file that is not there and a key that is not set are nothing to speak of", () => {
  const { privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
  const own = write('own.key', privateKey.export({ type: 'pkcs8', format: 'pem' }).toString());
  expect(
    findPublicKeys({ KEY_PATH: { value: own }, CERT_PATH: { value: join(folder, 'gone') }, CA_PATH: { value: null } }),
  ).toEqual([]);
});
