import { test } from 'vitest';

const SEEDS_PER_TEST = 250;
/** Some seconds on a quiet machine. */
const TIMEOUT_MS = 120_000;

export interface Simulation {
  /** What holds, as a sentence. */
  promise: string;
  /** One whole story. @throws what is wrong. */
  run(seed: number): Promise<void>;
  /** Seeds that once found something: they always run first. */
  found: readonly number[];
}

/** Tests of a simulation: its found seeds, then as many others. `SEED=n` in the environment runs that one alone. */
export function testSeeds({ promise, run, found }: Simulation, count: number): void {
  const alone = process.env['SEED'];
  if (alone !== undefined) {
    test(`${promise} (seed ${alone})`, () => run(Number(alone)), TIMEOUT_MS);
    return;
  }
  if (found.length > 0)
    test(`${promise} (${found.length} seeds that once failed)`, () => runAll(run, found), TIMEOUT_MS);
  for (let first = 0; first < count; first += SEEDS_PER_TEST) {
    const seeds = Array.from({ length: Math.min(SEEDS_PER_TEST, count - first) }, (_, index) => first + index);
    test(`${promise} (seeds ${first} to ${first + seeds.length - 1})`, () => runAll(run, seeds), TIMEOUT_MS);
  }
}

async function runAll(run: Simulation['run'], seeds: readonly number[]): Promise<void> {
  for (const seed of seeds) {
    try {
      await run(seed);
    } catch (error) {
      throw new Error(`again by: SEED=${seed} npx vitest run --project sim`, { cause: error });
    }
  }
}
