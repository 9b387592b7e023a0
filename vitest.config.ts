import { statfsSync } from 'node:fs';
import { defineConfig } from 'vitest/config';

const MEMORY_DISK = '/dev/shm';
const LEAST_FREE_BYTES = 1 << 30;
/** How a test waits for what something else brings about: it is there soon, or late on a machine with other work, or never. */
const POLL = { interval: 10, timeout: 15_000 };

/** Fast tests flush as the product does: on a disk in memory, where there is one with room, a flush costs nothing. */
function fastestFolder(): Record<string, string> {
  try {
    const { bavail, bsize } = statfsSync(MEMORY_DISK);
    return bavail * bsize >= LEAST_FREE_BYTES ? { TMPDIR: MEMORY_DISK } : {};
  } catch {
    return {};
  }
}

/**
 * `fast` needs nothing but npm packages and takes less than a minute on two cores; `sim` needs nothing either and takes minutes; the
 * others start real processes and Debian's programs.
 */
export default defineConfig({
  test: {
    projects: [
      {
        test: {
          name: 'fast',
          include: ['test/{unit,contract,property,golden,sim}/**/*.test.ts'],
          testTimeout: 60_000,
          hookTimeout: 60_000,
          env: fastestFolder(),
          pool: 'threads',
          isolate: false,
          maxWorkers: 2,
          expect: { poll: POLL },
        },
      },
      {
        test: {
          name: 'sim',
          include: ['test/sim/**/*.sim.ts'],
          testTimeout: 120_000,
          hookTimeout: 120_000,
          expect: { poll: POLL },
          pool: 'threads',
        },
      },
      {
        test: {
          name: 'probe',
          include: ['test/probe/**/*.test.ts'],
          testTimeout: 180_000,
          hookTimeout: 180_000,
          expect: { poll: POLL },
          fileParallelism: false,
        },
      },
      {
        test: {
          name: 'conformance',
          include: ['test/conformance/**/*.test.ts'],
          testTimeout: 900_000,
          hookTimeout: 300_000,
          expect: { poll: POLL },
          fileParallelism: false,
        },
      },
    ],
  },
});
