import { isDeepStrictEqual } from 'node:util';
import { ApiError, invariant } from '../../../common/errors.ts';
import { createLogger } from '../../../common/log.ts';
import { xxh64 } from '../../../common/xxh64.ts';
import { type DeviceShare, SegmentState } from '../../../object-server/engine/shared-state.ts';
import type { Location, Needle, SlabWriter } from '../../../object-server/slab/contract.ts';
import { listSegments } from '../../../object-server/slab/list-segments.ts';
import { releaseSegment } from '../../../object-server/slab/release-segment.ts';
import { scanSegment } from '../../../object-server/slab/scan-segment.ts';
import { openSlabReader } from '../../../object-server/slab/slab-reader.ts';
import { openSlabWriter } from '../../../object-server/slab/slab-writer.ts';
import { FakeDisk } from '../../support/object-server/fake-disk.ts';
import { ShareSupply } from '../../support/object-server/share-supply.ts';
import { installSimulation } from '../../support/simulation/install.ts';
import { Scheduler } from '../../support/simulation/scheduler.ts';
import { SeededRandom } from '../../support/simulation/seeded-random.ts';
import type { Simulation } from '../../support/simulation/test-seeds.ts';
import { VirtualTime } from '../../support/simulation/virtual-time.ts';

const FOLDER = '/d/slabs';
const LIVES = 3;
/** Segments that are released, if sealed: no run makes more. */
const LOOKED_AT = Array.from({ length: 100 }, (_, segment) => segment);
const shares = new ShareSupply();
const logger = createLogger('silent');
interface Appended {
  number: number;
  acknowledged: Location | undefined;
  /** The segment it lies in was released: it must never be found again. */
  released: boolean;
}

/** Writers of several threads append, somebody releases segments, the power goes, again and again. */
export const slabs: Simulation = {
  promise: 'what was appended is found after power cuts, and nothing that was released',
  run,
  found: [],
};

async function run(seed: number): Promise<void> {
  const random = new SeededRandom(seed);
  const time = new VirtualTime(0);
  const scheduler = new Scheduler(random);
  const faultChance = random.pick([0, 0, 0.01, 0.03]);
  /** Large ones are zeroed ahead, and grown by large batches. */
  const segmentBytes = random.chance(0.08) ? 1 << 20 : random.pick([16 << 10, 64 << 10]);
  const appended = new Map<number, Appended>();
  let faultsOn = false;
  let releasing = false;
  /** Appends that are under way: nobody knows yet where. */
  let flying = 0;
  let disk = new FakeDisk({
    random,
    turn: ({ kind, path }) => scheduler.turn(`${kind} ${path}`),
    fault: () => (faultsOn && random.chance(faultChance) ? random.pick(['EIO', 'ENOSPC']) : undefined),
  });
  const uninstall = installSimulation(time, random);
  try {
    await simulate(disk.makeFolder(FOLDER));
    for (let life = 0; life < LIVES; life += 1) {
      flying = 0;
      releasing = false;
      await simulate(recoverAndWrite(), scheduler.steps + random.below(500));
      faultsOn = false;
      scheduler.forgetAll();
      time.forgetTimers();
      disk = disk.crash();
    }
    await simulate(recover());
  } finally {
    uninstall();
  }

  /** Until it is done, or the power is cut. */
  async function simulate(work: Promise<unknown>, cutAtStep = Number.POSITIVE_INFINITY): Promise<void> {
    let ended = false;
    const end = () => {
      ended = true;
    };
    work.then(end, end);
    await scheduler.runUntil(
      () => ended || scheduler.steps >= cutAtStep,
      () => time.passToNext(),
    );
    if (ended) await work;
  }

  async function recover() {
    const share = shares.fresh('d');
    const found = new Set<number>();
    let latest = 0;
    for (const info of await listSegments(disk, FOLDER)) {
      invariant(!info.headerDamaged, `the header of segment ${info.segment} is damaged`);
      latest = Math.max(latest, info.latestGeneration);
      share.segments[info.segment] = info.generation === undefined ? SegmentState.free : SegmentState.sealed;
      for await (const scanned of scanSegment(disk, FOLDER, info.segment)) {
        if (scanned.found === 'damage') throw new Error(`damage in segment ${info.segment} at ${scanned.offset}`);
        const number = Number(scanned.needle.object);
        assertWhole(scanned.needle);
        found.add(number);
        invariant(appended.get(number)?.released === false, `needle ${number} had been released`);
      }
    }
    for (const { number, acknowledged, released } of appended.values())
      invariant(!acknowledged || released || found.has(number), `needle ${number} was acknowledged`);
    share.nextGeneration[0] = BigInt(latest + 1);
    return share;
  }

  async function recoverAndWrite(): Promise<void> {
    const share = await recover();
    faultsOn = true;
    await write(share);
  }

  async function write(share: DeviceShare): Promise<void> {
    const lanes = 1 + random.below(3);
    const writers = Array.from({ length: lanes }, (_, lane) =>
      openSlabWriter({
        disk,
        folder: FOLDER,
        share,
        lane,
        device: 'd',
        indexed: () => scheduler.turn('index'),
        logger,
        segmentBytes,
      }),
    );
    const reader = openSlabReader({ disk, folder: FOLDER });
    const clients = Array.from({ length: 1 + random.below(6) }, async () => {
      for (let count = random.below(30); count > 0; count -= 1) {
        const drawn = random.below(10);
        if (drawn < 7) await append(random.pick(writers));
        else if (drawn < 9) await readBack();
        else await release();
      }
    });
    await Promise.all(clients);
    for (const writer of writers) await writer.close();

    async function append(writer: SlabWriter): Promise<void> {
      const one: Appended = { number: appended.size, acknowledged: undefined, released: false };
      appended.set(one.number, one);
      flying += 1;
      try {
        one.acknowledged = await writer.append(needleOf(one.number));
        writer.settle(one.acknowledged);
      } catch (error) {
        if (!(error instanceof ApiError) || faultChance === 0) throw error;
      } finally {
        flying -= 1;
      }
    }

    async function readBack(): Promise<void> {
      const one = random.pick([...appended.values()]);
      if (!one?.acknowledged) return;
      try {
        const needle = await reader.read(one.acknowledged);
        if (needle) {
          assertWhole(needle);
          invariant(needle.object === String(one.number), 'another needle is read');
        } else invariant(one.released, `needle ${one.number} is gone`);
      } catch (error) {
        if (faultChance === 0 || !(error instanceof Error && 'syscall' in error)) throw error;
      }
    }

    /** What a compaction does at its end. */
    async function release(): Promise<void> {
      const sealed = LOOKED_AT.filter((segment) => share.segments[segment] === SegmentState.sealed);
      if (sealed.length === 0 || releasing || flying > 0) return;
      const segment = random.pick(sealed);
      const inside = [...appended.values()].filter(({ acknowledged }) => acknowledged?.segment === segment);
      releasing = true;
      try {
        for (const one of inside) one.acknowledged = undefined; // on its way out: found or not
        await releaseSegment({ disk, folder: FOLDER, share }, segment);
        for (const one of inside) one.released = true;
      } catch (error) {
        if (faultChance === 0) throw error;
      } finally {
        releasing = false;
      }
    }
  }
}

function needleOf(number: number): Needle {
  const bytes = Buffer.alloc((number * 7919) % (number % 9 === 0 ? 60_000 : 3000), `${number} `);
  return {
    kind: 'data',
    account: 'AUTH_a',
    container: 'c',
    object: String(number),
    partition: 1,
    policyIndex: 0,
    timestamp: '1700000000.00000',
    tie: 'a'.repeat(32),
    etag: 'b'.repeat(32),
    sizeBytes: bytes.length,
    contentType: 'text/plain',
    fixedMetadata: {},
    metadata: {},
    listing: undefined,
    body: { where: 'inline', bytes, checksum: xxh64(bytes) },
  };
}

function assertWhole(needle: Needle): void {
  const expected = needleOf(Number(needle.object));
  const { body } = needle;
  invariant(body.where === 'inline' && expected.body.where === 'inline', 'a needle without a body');
  invariant(Buffer.compare(body.bytes, expected.body.bytes) === 0, `the body of needle ${needle.object}`);
  invariant(isDeepStrictEqual({ ...needle, body }, { ...expected, body }), `what needle ${needle.object} says`);
}
