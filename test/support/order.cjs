const Sequencer = require('@jest/test-sequencer').default;

/** Files of which one begins with the cluster that the one before leaves (standing.ts): in this order, after all others. */
const inOrder = [
  'e2e/deploy.test.ts',
  'e2e/change.test.ts',
  'e2e/cluster.test.ts',
  'e2e/tls.test.ts',
  'e2e/tls-agents.test.ts',
  'e2e/rollout.test.ts',
  'e2e/firewall.test.ts',
  'e2e/auth.test.ts',
  // Takes the key along with which Temporal's history was encrypted.
  'e2e/secrets.test.ts',
];
const placeOf = ({ path }) => inOrder.findIndex((name) => path.endsWith(name));

module.exports = class extends Sequencer {
  sort(tests) {
    // A sort keeps the order of what is equal: the longest first, as Jest knows or guesses it.
    return super.sort(tests).sort((a, b) => placeOf(a) - placeOf(b));
  }
};
