import { mkdir, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { execa } from 'execa';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { freePortOffset } from '../support/free-ports.ts';
import { Martlet } from '../support/martlet.ts';
import { allowedStates, judgeImage, START_ARGS } from '../support/power-cut/judge.ts';
import { type PowerCut, PowerCuts } from '../support/power-cut/power-cuts.ts';
import { copySparse, RecordedDisk, whyNotRecorded } from '../support/power-cut/recorded-disk.ts';
import type { Plan } from '../support/power-cut/workload.ts';
import { writeWorkload } from '../support/power-cut/write-workload.ts';

/** POWER_CUTS=N and POWER_SEED=N for longer runs, or the same plan again; POWER_KEEP=DIR keeps the images of cuts after which something was wrong. */
const CUTS = Number(process.env['POWER_CUTS'] ?? 40);
const SEED = Number(process.env['POWER_SEED'] ?? Date.now() % 1_000_000);
const KEEP = process.env['POWER_KEEP'];
const MUTANT_CUTS = 16;
const PLAN: Plan = { seed: SEED, steps: [100, 100, 100, 100] };
const MUTANT_PLAN: Plan = { seed: SEED, steps: [20, 20, 20] };
const NO_FLUSH = join(import.meta.dirname, '../support/power-cut/no-flush.mjs');
/** Checkpoints come often enough for cuts before, within and after them. */
const ENVIRONMENT = { 'MARTLET_OBJECT-SERVER__CHECKPOINT_INTERVAL_MS': '300' };

const WHY_NOT = whyNotRecorded();
const possible = test.skipIf(WHY_NOT !== undefined);
if (WHY_NOT) console.warn(`power cuts are not tried: ${WHY_NOT}`);

let folder: string;

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'martlet-power-cut-'));
});

afterAll(() => rm(folder, { recursive: true, force: true }));

interface Recording {
  own: string;
  disk: RecordedDisk;
  portOffset: number;
}

/** Runs a server on a recorded disk from its first start on, and writes. */
async function record(name: string, plan: Plan, environment: Record<string, string>): Promise<Recording> {
  const own = join(folder, name);
  await mkdir(own);
  const portOffset = await freePortOffset();
  const disk = await RecordedDisk.create(own);
  try {
    const data = join(disk.mountPoint, 'd');
    const martlet = await Martlet.start({ data, portOffset, args: START_ARGS, environment });
    try {
      await writeWorkload(plan, martlet, disk);
    } finally {
      await martlet.kill();
    }
  } finally {
    await disk.close();
  }
  return { own, disk, portOffset };
}

/** Judges the disk after each cut, until `enough` were wrong. */
async function judge(recording: Recording, plan: Plan, count: number, enough: number): Promise<unknown[]> {
  const { own, disk, portOffset } = recording;
  const cuts = await PowerCuts.open(disk, own);
  const wrong: { cut: PowerCut; problems: string[] }[] = [];
  try {
    for (const cut of cuts.choose(count, SEED)) {
      const expected = allowedStates(plan, cuts.acknowledgedBefore(cut));
      const image = await cuts.imageAfter(cut, SEED);
      if (KEEP) await copySparse(image, join(KEEP, `cut-${cut.at}.img`));
      const problems = await judgeImage(image, join(own, 'mounted'), expected, portOffset);
      if (problems.length > 0) wrong.push({ cut, problems });
      else if (KEEP) await rm(join(KEEP, `cut-${cut.at}.img`));
      if (wrong.length >= enough) break;
    }
  } finally {
    await cuts.close();
  }
  return wrong;
}

possible(`whenever the power goes, what was acknowledged is there and whole (seed ${SEED}, ${CUTS} cuts)`, async () => {
  const recording = await record('product', PLAN, ENVIRONMENT);
  expect(await judge(recording, PLAN, CUTS, Number.POSITIVE_INFINITY)).toEqual([]);
});

possible('the log has everything that is on the disk', async () => {
  const own = join(folder, 'product');
  const cuts = await PowerCuts.open({ basePath: join(own, 'base.img'), logPath: join(own, 'writes.log') }, own);
  try {
    const image = await cuts.imageAfter({ at: cuts.writes.length, keeps: 'all' }, SEED);
    await execa('cmp', [image, join(own, 'disk.img')]);
  } finally {
    await cuts.close();
  }
});

possible.each(['O_DSYNC', 'fsync'])('a server that lacks its flushes by %s is found out', async (lacking) => {
  const mutant = { ...ENVIRONMENT, NODE_OPTIONS: `--import ${NO_FLUSH}`, NO_FLUSH: lacking };
  const recording = await record(lacking, MUTANT_PLAN, mutant);
  expect(await judge(recording, MUTANT_PLAN, MUTANT_CUTS, 1)).not.toEqual([]);
});
