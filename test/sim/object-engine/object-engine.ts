import type { Simulation } from '../../support/simulation/test-seeds.ts';
import { runSeed } from './run-seed.ts';

/** The object engine, with all its threads, under random use, power cuts and faults. */
export const objectEngine: Simulation = {
  promise: 'what was acknowledged is there, whole and listed, and what is gone stays gone, whenever the power goes',
  run: runSeed,
  // 782, 20123: a disk too full for the note of a recovery. 3110: a reserve too small for the segments that a restart takes.
  // 4725: two that were only to be if nothing is there, with a deletion between them.
  // 1871, 7609: a reader of what had just been superseded took the loss of its body for damage.
  found: [782, 20_123, 3110, 4725, 1871, 7609],
};
