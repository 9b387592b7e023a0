import { ORPHAN_GRACE_MS } from '../../../object-server/limits.ts';
import { installSimulation } from '../../support/simulation/install.ts';
import { SeededRandom } from '../../support/simulation/seeded-random.ts';
import { Violation } from './history.ts';
import { Machine, PowerCut, RECLAIM_AGE_S } from './machine.ts';
import { planOf } from './plan.ts';
import { Workload } from './workload.ts';

const MOST_STEPS_OF_A_LIFE = 1000;
/** Longer than tombstones are kept. */
const AGE_MS = 10 * RECLAIM_AGE_S * 1000;
/** Longer than a body without a version is kept. */
const ORPHAN_AGE_MS = 2 * ORPHAN_GRACE_MS;

/**
 * One story: a node with several threads and devices is written and read at random, loses its power at random moments, starts
 * again, and must have kept its promises each time.
 *
 * @throws Violation, or what else went wrong, with the seed.
 */
export async function runSeed(seed: number): Promise<void> {
  const random = new SeededRandom(seed);
  const plan = planOf(seed, random);
  const machine = new Machine(plan, random);
  const workload = new Workload(machine, plan, random);
  const uninstall = installSimulation(machine.time, random);
  try {
    await machine.install();
    for (let life = 0; life < plan.lives; life += 1) await live();
    await end();
  } catch (error) {
    throw new Error(JSON.stringify(plan), { cause: error });
  } finally {
    uninstall();
  }

  async function live(): Promise<void> {
    const cleanly = random.chance(0.2);
    if (!cleanly) machine.cutAtStep = machine.scheduler.steps + 1 + random.below(MOST_STEPS_OF_A_LIFE);
    try {
      await machine.start();
      await machine.run(workload.audit());
      machine.faultsOn = plan.faultChance > 0 && random.chance(0.7);
      await machine.run(workload.work(plan.operations));
      machine.faultsOn = false;
      if (cleanly || random.chance(0.1)) await machine.stop();
    } catch (error) {
      if (!(error instanceof PowerCut)) throw error;
    }
    machine.faultsOn = false;
    cut();
  }

  function cut(): void {
    machine.crash();
    workload.crash();
    if (plan.flips) {
      machine.loseBits();
      workload.damaged = true;
    }
  }

  /** Everything is as it should be, stays so whatever housekeeping does, and the space of what is gone is used again. */
  async function end(): Promise<void> {
    machine.listingsFail = false;
    machine.isEnding = true;
    await machine.start();
    await machine.run(workload.audit());
    const [keeper] = machine.stores;
    if (keeper === undefined) return;
    for (let round = 0; round < 3; round += 1) {
      await machine.run(keeper.sendUpdates());
      machine.time.pass(60_000);
    }
    if (!plan.flips) await machine.run(workload.auditListings());
    for (let round = 0; round < 2; round += 1) {
      await machine.run(workload.unlessFaulty(keeper.housekeep()));
      await machine.run(workload.audit());
    }
    if (plan.flips || !plan.reclaims) return;
    await machine.run(workload.removeAll());
    machine.time.pass(AGE_MS);
    for (let round = 0; round < 4; round += 1) {
      await machine.run(workload.unlessFaulty(keeper.housekeep()));
      machine.time.pass(ORPHAN_AGE_MS);
    }
    workload.spaceIsShort = false;
    await machine.run(keeper.housekeep());
    const bodies = machine.disk.files().filter((path) => path.includes('/large/'));
    if (plan.faultChance === 0 && bodies.length > 0) throw new Violation(`nobody needs ${bodies.join(' ')}`);
    plan.largePercent = 0;
    await machine.run(workload.putAll());
    await machine.stop();
  }
}
