/** Apart from the others: it needs Temporal's images, which take minutes to build where no registry answers (scripts/prove-temporal.sh). */
module.exports = {
  rootDir: '../..',
  testMatch: ['<rootDir>/test/compose/**/*.test.ts'],
  transform: { '^.+\\.(t|j)s$': ['@swc/jest'] },
  testEnvironment: 'node',
  testTimeout: 600_000,
};
