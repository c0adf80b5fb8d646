import { defineKey } from '../key';
import { path } from '../values/places';
import { durationSeconds } from '../values/quantities';
import { flag } from '../values/text';

function defineFile(why: string, absent: string, example: string) {
  const range = 'an absolute path or one that begins with ~/';
  return defineKey({ section: 'tls', why, absent, example, range, schema: path, status: 'built' });
}

const day = 86_400;

export const tlsKeys = {
  ENABLE_TLS: defineKey({
    section: 'tls',
    why: 'TLS between all parts and at the load balancers; alone it is enough: an authority and certificates are made.',
    default: 'false',
    range: 'true or false',
    schema: flag,
    status: 'built',
  }),
  CERT_PATH: defineFile(
    'A certificate of your own for all parts, on the machine of the worker; the DNS name kraken is among its names.',
    'one is made for each part of each node',
    '/etc/ssl/certs/kraken.crt',
  ),
  KEY_PATH: defineFile(
    'Its private key, on the machine of the worker.',
    'made with the certificates',
    '/etc/ssl/private/kraken.key',
  ),
  CA_PATH: defineFile(
    'Certificates by which the parts know each other, on the machine of the worker.',
    'the last certificate in CERT_PATH',
    '/etc/ssl/certs/kraken-ca.crt',
  ),
  TLS_CERT_LIFETIME: defineKey({
    section: 'tls',
    why: 'How long a certificate that krakenctl makes is good; in the last third of it others are made.',
    default: '90d',
    range: 'a duration in whole seconds, 10m to 825d',
    schema: durationSeconds({ min: 600, max: 825 * day }),
    status: 'built',
  }),
};
