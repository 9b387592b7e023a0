import crypto from 'node:crypto';
import { syncBuiltinESMExports } from 'node:module';
import type { SeededRandom } from './seeded-random.ts';
import type { VirtualTime } from './virtual-time.ts';

const realRandomBytes = crypto.randomBytes;

/**
 * Nothing but the seed decides while this is in force: timers run in the simulation's time, random names come from its random numbers.
 *
 * @returns how to end it.
 */
export function installSimulation(time: VirtualTime, random: SeededRandom): () => void {
  time.install();
  patchRandomBytes(((length: number) => random.bytes(length)) as typeof crypto.randomBytes);
  return () => {
    time.uninstall();
    patchRandomBytes(realRandomBytes);
  };
}

function patchRandomBytes(randomBytes: typeof crypto.randomBytes): void {
  Object.assign(crypto, { randomBytes });
  syncBuiltinESMExports();
}
