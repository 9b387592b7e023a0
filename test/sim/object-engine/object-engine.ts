import type { Simulation } from '../../support/simulation/test-seeds.ts';
import { runSeed } from './run-seed.ts';

/** The object engine, with all its threads, under random use, power cuts and faults. */
export const objectEngine: Simulation = {
  promise: 'what was acknowledged is there, whole and listed, and what is gone stays gone, whenever the power goes',
  run: runSeed,
  // 782, 20123: a disk too full for the note of a recovery.
  found: [782, 20_123],
};
