/** Arrows between rooms (docs/architecture.md). What is not allowed here is forbidden; `scripts/architecture.mjs` plants a fault for each rule. */
const room = (name) => `^src/${name}/`;
const anyRoomBut = (...names) => `^src/(?!(${names.join('|')})(/|$))`;
const onlyInto = (name, ...targets) => ({
  name: `${name}-only-into-${targets.join('-') || 'itself'}`,
  severity: 'error',
  from: { path: room(name) },
  to: { path: anyRoomBut(name, ...targets) },
});
const door = (library, ...places) => ({
  name: `door-${library.replace(/\W+/g, '-')}`,
  severity: 'error',
  from: { path: '^src/', pathNot: `^src/(${places.join('|')})` },
  to: { path: `node_modules/${library}/` },
});

module.exports = {
  forbidden: [
    onlyInto('cluster'),
    onlyInto('text'),
    onlyInto('contracts', 'cluster'),
    onlyInto('clients', 'cluster', 'contracts'),
    onlyInto('config', 'cluster', 'text'),
    onlyInto('workflows', 'contracts', 'cluster'),
    onlyInto('activities', 'clients', 'cluster', 'contracts', 'text'),
    onlyInto('lab', 'clients', 'cluster'),
    onlyInto('codec', 'config'),
    onlyInto('releases', 'contracts'),
    onlyInto('cli', 'config', 'contracts', 'cluster', 'lab', 'workers', 'codec', 'releases', 'text'),
    {
      name: 'stand-in-imports-nothing-of-src',
      severity: 'error',
      from: { path: '^src/lab/stand-in/' },
      to: { path: '^src/(?!lab/stand-in/)' },
    },
    {
      name: 'only-local-starts-workers',
      severity: 'error',
      from: { path: room('cli'), pathNot: '^src/cli/(local|commands/worker)\\.ts$' },
      to: { path: room('workers') },
    },
    {
      name: 'observer-imports-nothing-of-src',
      severity: 'error',
      from: { path: '^test/support/(observer|end-state|agents|registry|tar|ways|load[\\w-]*|watch[\\w-]*)\\.ts$' },
      to: { path: '^src/' },
    },
    {
      name: 'cluster-is-pure',
      severity: 'error',
      from: { path: room('cluster') },
      to: { dependencyTypes: ['core'], pathNot: '^(node:)?crypto$' },
    },
    door('dockerode', 'clients'),
    door('ssh2', 'clients'),
    door('ioredis', 'clients'),
    door('zod', 'cluster', 'config'),
    door('@temporalio/client', 'cli'),
    door('@temporalio/worker', 'workers'),
    door('@temporalio/workflow', 'workflows'),
    door('@temporalio/activity', 'activities'),
    { name: 'no-circles', severity: 'error', from: { path: '^src/' }, to: { circular: true } },
  ],
  options: {
    doNotFollow: { path: 'node_modules' },
    tsPreCompilationDeps: true,
    parser: 'swc',
    tsConfig: { fileName: 'tsconfig.json' },
    enhancedResolveOptions: {
      extensions: ['.ts', '.js', '.cjs', '.json'],
      exportsFields: ['exports'],
      conditionNames: ['require', 'node', 'types'],
    },
  },
};
