import { afterAll, beforeAll, expect, test } from 'vitest';
import { Martlet } from '../support/martlet.ts';
import { Soak } from '../support/soak/soak.ts';

/** `npm run soak` kills more often. */
const KILLS = Number(process.env['SOAK_KILLS'] ?? 20);
const MOST_MS_PER_KILL = 90_000; // some 5 s on a quiet machine; listings may take long to become exact after a crash

let martlet: Martlet;
let soak: Soak;

beforeAll(async () => {
  martlet = await Martlet.start({ args: ['--workers', '3'] });
  soak = new Soak(martlet);
  await soak.begin();
});

afterAll(async () => {
  await soak?.end();
  await martlet?.remove();
});

test(
  `killed ${KILLS} times under mixed load: every acknowledged write is there and whole, every delete too, listings and counters exact`,
  async () => {
    for (let kill = 1; kill <= KILLS; kill += 1) await soak.round();
    console.log(`soak: ${JSON.stringify(soak.counts)}`);
    expect(soak.counts.kills).toBe(KILLS);
    expect(soak.counts.acknowledged).toBeGreaterThan(KILLS * 20);
  },
  KILLS * MOST_MS_PER_KILL,
);
