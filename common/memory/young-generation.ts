import { setFlagsFromString } from 'node:v8';
import type { ResourceLimits } from 'node:worker_threads';

/** Two halves and what is on its way to the old generation. */
const SEMI_SPACES = 3;

/**
 * Limits for a new thread whose young objects may take `semiSpaceMiB` at a time: with too little, what requests in flight hold is copied by
 * each of many collections; with too much, a thread that has little to do keeps memory it does not need.
 *
 * The launcher's `--max-semi-space-size` is there for the main thread, which nothing else can bound. It would overrule the limits of
 * every thread to come, so it is taken back: the main thread has read it by then.
 */
export function youngGeneration(semiSpaceMiB: number): ResourceLimits {
  setFlagsFromString('--max-semi-space-size=0');
  return { maxYoungGenerationSizeMb: SEMI_SPACES * semiSpaceMiB };
}
