import { readdirSync } from 'node:fs';

// The outside judges: which test file, and how many minutes it may take. Together at most 75.
export const JUDGES = [
  { name: 'ring', project: 'conformance', file: 'test/conformance/ring.test.ts', minutes: 6 },
  { name: 'iscsi', project: 'conformance', file: 'test/conformance/iscsi.test.ts', minutes: 6 },
  { name: 'volume-lvm', project: 'conformance', file: 'test/conformance/volume-lvm.test.ts', minutes: 3 },
  { name: 'identity', project: 'conformance', file: 'test/conformance/auth/', minutes: 5 },
  { name: 'image-formats', project: 'conformance', file: 'test/conformance/image-formats.test.ts', minutes: 2 },
  { name: 'compute', project: 'conformance', file: 'test/conformance/compute-qemu.test.ts', minutes: 6 },
  { name: 'compute-kill', project: 'conformance', file: 'test/conformance/compute-kill.test.ts', minutes: 3 },
  { name: 'start', project: 'conformance', file: 'test/conformance/start.test.ts', minutes: 3 },
  { name: 'openstack', project: 'conformance', file: 'test/conformance/openstack.test.ts', minutes: 6 },
  { name: 'swift-clients', project: 'conformance', file: 'test/conformance/swift-clients.test.ts', minutes: 10 },
  { name: 'images', project: 'conformance', file: 'test/conformance/images.test.ts', minutes: 6 },
  { name: 'story', project: 'conformance', file: 'test/conformance/story.test.ts', minutes: 8 },
  { name: 'isolation', project: 'conformance', file: 'test/conformance/isolation.test.ts', minutes: 5 },
  { name: 'probe', project: 'probe', file: 'test/probe/', minutes: 6 },
];

/** Test files of the judges that no row above would run. */
export function unjudgedFiles() {
  const folders = ['test/conformance', 'test/probe'];
  const files = folders.flatMap((folder) =>
    readdirSync(folder, { recursive: true }).map((name) => `${folder}/${name}`),
  );
  const tests = files.filter((file) => file.endsWith('.test.ts'));
  return tests.filter((test) => !JUDGES.some(({ file }) => test.startsWith(file)));
}
