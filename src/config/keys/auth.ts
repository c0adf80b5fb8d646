import { defineKey } from '../key';
import { authSecret } from '../values/remotes';
import { flag, oneOf } from '../values/text';

/** Who may come in through the load balancers; `docs/authentication.md`. */
export const authKeys = {
  ENABLE_AUTH: defineKey({
    section: 'auth',
    why: 'Only known agents and users may push and pull.',
    default: 'false',
    range: 'true or false',
    schema: flag,
    status: 'built',
  }),
  AUTH_SECRET: defineKey({
    section: 'auth',
    why: 'Secret from which the credentials of agents are made; better in the environment than in a file.',
    absent: 'none; ENABLE_AUTH needs one',
    example: 'your-secret-key',
    range: '12 to 256 printable characters',
    schema: authSecret,
    secret: true,
    status: 'built',
  }),
  AUTH_WITHOUT_TLS: defineKey({
    section: 'auth',
    why: 'Lets ENABLE_AUTH be without ENABLE_TLS: whoever sees the packets reads the passwords.',
    absent: 'ENABLE_AUTH is refused',
    example: 'i-know',
    range: 'i-know, or no line',
    schema: oneOf('i-know'),
    status: 'built',
  }),
};
