/** Projects: `unit` is quick and needs nothing; `workflows` and `replay` need a Temporal server; `contract` and `e2e` need Docker and the lab. */
const swc = { '^.+\\.(t|j)s$': ['@swc/jest'] };
/** Zod's fifty languages are loaded anew for each file, and none is used but English, which it asks for by itself. */
const moduleNameMapper = { '^\\.\\./locales/index\\.cjs$': '<rootDir>/test/support/no-locales.cjs' };
const base = {
  moduleNameMapper,
  transform: swc,
  testEnvironment: 'node',
  setupFilesAfterEnv: ['<rootDir>/test/support/patience.ts'],
};
const of = (...names) => names.map((name) => `<rootDir>/test/${name}/**/*.test.ts`);

module.exports = {
  testSequencer: '<rootDir>/test/support/order.cjs',
  projects: [
    {
      ...base,
      displayName: 'unit',
      testMatch: of(
        'cluster',
        'config',
        'clients',
        'codec',
        'cli',
        'activities',
        'contracts',
        'lab',
        'workers',
        'support',
        'releases',
        'text',
      ),
    },
    {
      ...base,
      displayName: 'workflows',
      testMatch: of('workflows', 'replay'),
      globalSetup: '<rootDir>/test/support/temporal-setup.ts',
      globalTeardown: '<rootDir>/test/support/temporal-teardown.ts',
    },
    {
      ...base,
      displayName: 'contract',
      testMatch: of('contract'),
      globalSetup: '<rootDir>/test/support/engine-setup.ts',
      globalTeardown: '<rootDir>/test/support/engine-teardown.ts',
    },
    {
      ...base,
      displayName: 'e2e',
      testMatch: of('e2e'),
      globalSetup: '<rootDir>/test/support/lab-setup.ts',
      globalTeardown: '<rootDir>/test/support/lab-teardown.ts',
    },
  ],
};
