import { readdirSync } from 'node:fs';

// The outside judges: which test file, and how many minutes it may take. Together at most 75.
export const JUDGES = [
  { name: 'ring', project: 'conformance', file: 'test/conformance/ring.test.ts', minutes: 3 },
  { name: 'iscsi', project: 'conformance', file: 'test/conformance/iscsi.test.ts', minutes: 4 },
  { name: 'volume-lvm', project: 'conformance', file: 'test/conformance/volume-lvm.test.ts', minutes: 2 },
  { name: 'identity', project: 'conformance', file: 'test/conformance/auth/', minutes: 5 },
  { name: 'image-formats', project: 'conformance', file: 'test/conformance/image-formats.test.ts', minutes: 2 },
  { name: 'compute', project: 'conformance', file: 'test/conformance/compute-qemu.test.ts', minutes: 4 },
  { name: 'compute-kill', project: 'conformance', file: 'test/conformance/compute-kill.test.ts', minutes: 2 },
  { name: 'start', project: 'conformance', file: 'test/conformance/start.test.ts', minutes: 2 },
  { name: 'fsck', project: 'conformance', file: 'test/conformance/fsck.test.ts', minutes: 1 },
  { name: 'openstack', project: 'conformance', file: 'test/conformance/openstack.test.ts', minutes: 4 },
  { name: 'swift-clients', project: 'conformance', file: 'test/conformance/swift-clients', minutes: 6 },
  {
    name: 'swift-tempest',
    project: 'conformance',
    file: 'test/conformance/tempest-object-storage.test.ts',
    minutes: 2,
  },
  { name: 's3-clients', project: 'conformance', file: 'test/conformance/s3-clients.test.ts', minutes: 2 },
  { name: 'images', project: 'conformance', file: 'test/conformance/images.test.ts', minutes: 4 },
  { name: 'story', project: 'conformance', file: 'test/conformance/story.test.ts', minutes: 3 },
  { name: 'isolation', project: 'conformance', file: 'test/conformance/isolation.test.ts', minutes: 3 },
  { name: 'power-cut', project: 'conformance', file: 'test/conformance/power-cut.test.ts', minutes: 8 },
  { name: 'sim', project: 'sim', file: 'test/sim/', minutes: 9 },
  { name: 'probe', project: 'probe', file: 'test/probe/', minutes: 9 },
];

/** Test files of the judges that no row above would run. */
export function unjudgedFiles() {
  const folders = ['test/conformance', 'test/probe', 'test/sim'];
  const files = folders.flatMap((folder) =>
    readdirSync(folder, { recursive: true }).map((name) => `${folder}/${name}`),
  );
  // The simulations' own .test.ts run a few of their seeds among the fast tests.
  const tests = files.filter((file) => file.endsWith(file.startsWith('test/sim/') ? '.sim.ts' : '.test.ts'));
  return tests.filter((test) => !JUDGES.some(({ file }) => test.startsWith(file)));
}
