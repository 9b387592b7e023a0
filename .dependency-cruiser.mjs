// Who may import whom: docs/architecture.md, "Layers". One row per folder; what a row does not name is refused.
const layers = {
  common: [],
  openstack: ['common/'],
  ring: ['common/'],
  auth: ['common/', 'openstack/'],
  'container-server': ['common/', 'ring/'],
  'object-server': ['common/', 'ring/', 'container-server/(contract|client)\\.ts'],
  proxy: [
    'common/',
    'openstack/',
    'ring/',
    'auth/guard/',
    '(auth|object-server|container-server)/(contract|client)\\.ts',
  ],
  image: ['common/', 'openstack/', 'auth/guard/', '[a-z-]+/(contract|client)\\.ts'],
  volume: ['common/', 'openstack/', 'auth/guard/', '[a-z-]+/(contract|client)\\.ts'],
  compute: ['common/', 'openstack/', 'auth/guard/', '[a-z-]+/(contract|client)\\.ts'],
};

const rooms = Object.keys(layers);

export default {
  forbidden: [
    ...rooms.map((room) => ({
      name: `layer-${room}`,
      severity: 'error',
      from: { path: `^${room}/` },
      to: {
        path: `^(${[...rooms, 'cli', 'test', 'bench', 'scripts'].join('|')})/`,
        pathNot: [`^${room}/`, ...layers[room].map((allowed) => `^${allowed}`)],
      },
    })),
    {
      name: 'client-imports-only-contracts',
      comment: 'A client.ts is what other services import: it may drag nothing of its own service along.',
      severity: 'error',
      from: { path: '^[a-z-]+/client\\.ts$' },
      to: { path: `^(${rooms.join('|')})/`, pathNot: ['/contract\\.ts$', '^common/', '^openstack/'] },
    },
    {
      name: 'contract-has-no-io',
      severity: 'error',
      from: { path: '/contract\\.ts$' },
      to: { dependencyTypes: ['core'], dependencyTypesNot: ['type-only'] },
    },
    { name: 'no-cycles', severity: 'error', from: {}, to: { circular: true } },
    {
      name: 'nobody-imports-cli-or-test',
      severity: 'error',
      from: { pathNot: '^(cli|test|bench)/' },
      to: { path: '^(cli|test)/' },
    },
  ],
  options: {
    doNotFollow: { path: 'node_modules' },
    exclude: { path: '^(dist|node_modules)/' },
    tsConfig: { fileName: 'tsconfig.json' },
    tsPreCompilationDeps: true,
    enhancedResolveOptions: { extensions: ['.ts', '.js', '.json'] },
  },
};
