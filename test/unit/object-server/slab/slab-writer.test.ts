import { beforeEach, describe, expect, it } from 'vitest';
import type { Disk } from '../../../../object-server/disk/contract.ts';
import { packPosition, SegmentState } from '../../../../object-server/engine/shared-state.ts';
import type { Location, Needle } from '../../../../object-server/slab/contract.ts';
import { MOST_WAITING_NEEDLES } from '../../../../object-server/slab/limits.ts';
import { listSegments } from '../../../../object-server/slab/list-segments.ts';
import { releaseSegment } from '../../../../object-server/slab/release-segment.ts';
import { segmentPath } from '../../../../object-server/slab/segment-file.ts';
import { openSlabReader } from '../../../../object-server/slab/slab-reader.ts';
import { type DiskOperation, FakeDisk } from '../../../support/object-server/fake-disk.ts';
import {
  expectBody,
  expectSame,
  inline,
  newShare,
  openSlab,
  SLABS,
  sampleNeedle,
  scanNames,
} from '../../../support/object-server/slabs.ts';
import { SeededRandom } from '../../../support/simulation/seeded-random.ts';

const SMALL = 64 << 10;
const FILE = segmentPath(SLABS, 0);

let disk: FakeDisk;
let fault: (operation: DiskOperation) => string | undefined;
/** Writes wait for these, one after the other, where there are any. */
let gates: Promise<void>[];

beforeEach(async () => {
  fault = () => undefined;
  gates = [];
  disk = new FakeDisk({
    random: new SeededRandom(1),
    fault: (operation) => fault(operation),
    turn: async (operation) => (operation.kind === 'write' ? gates.shift() : undefined),
  });
  await disk.makeFolder(SLABS);
});

function names(count: number, prefix = 'o'): string[] {
  return Array.from({ length: count }, (_, index) => `${prefix}${index}`);
}

function gate(): { open: () => void; passed: Promise<void> } {
  let open = () => {};
  const passed = new Promise<void>((resolve) => {
    open = resolve;
  });
  return { open, passed };
}

/** Waits until something is so; a turn of the event loop at a time. */
async function until(condition: () => boolean): Promise<void> {
  for (let turn = 0; !condition(); turn += 1) {
    if (turn > 10_000) throw new Error('it never came to be');
    await new Promise((resolve) => setImmediate(resolve));
  }
}

const bytes = (lengthBytes: number) => inline(Buffer.alloc(lengthBytes, lengthBytes % 251));

describe('a slab writer', () => {
  it('copies a batch of long needles into a piece of shared memory, and others not', async () => {
    const written: Uint8Array[][] = [];
    const { writer } = openSlab({ disk: recording(disk, written) });
    await writer.append(sampleNeedle('first'));
    written.length = 0; // the segment's beginning
    await writer.append(sampleNeedle('long', bytes(65_536)));
    await Promise.all([writer.append(sampleNeedle('long', bytes(65_536))), writer.append(sampleNeedle('short'))]);
    const [alone, mixed] = written.filter((parts) => parts.some(({ length }) => length >= 65_536));
    expect(alone?.map(({ buffer }) => buffer instanceof SharedArrayBuffer)).toEqual([true]);
    expect(mixed?.some(({ buffer }) => buffer instanceof SharedArrayBuffer)).toBe(false);
    await writer.close();
  });

  it('writes needles of every size, which are read back and scanned', async () => {
    const { writer, share } = openSlab({ disk });
    const needles = [0, 1, 4096, 16_384, 16_385, 65_536].map((size) => sampleNeedle(`o${size}`, bytes(size)));
    needles.push({
      ...sampleNeedle('long', bytes(65_536)),
      metadata: { 'x-object-sysmeta-long': 'y'.repeat(900_000) },
      listing: { ip: '127.0.0.1', port: 6201, device: 'd2', partition: 3, others: [] },
    });
    const locations = await Promise.all(needles.map((needle) => writer.append(needle)));
    const reader = openSlabReader({ disk, folder: SLABS });
    for (const [index, needle] of needles.entries()) {
      expectSame(await reader.read(locations[index] as Location), needle);
      expectBody(reader.bodyNow(locations[index] as Location), needle);
    }
    await reader.close();
    await writer.close();
    expect(await scanNames(disk, SLABS, 0)).toEqual(needles.map(({ object }) => object));
    expect(Atomics.load(share.segments, 0)).toBe(SegmentState.sealed);
    expect(await listSegments(disk, SLABS)).toMatchObject([
      { segment: 0, generation: 1, latestGeneration: 1, lane: 0 },
    ]);
  });

  it('has it on stable storage when it resolves', async () => {
    const { writer } = openSlab({ disk });
    await Promise.all(names(20).map((name) => writer.append(sampleNeedle(name))));
    const found = disk.crash(0);
    expect(await scanNames(found, SLABS, 0)).toEqual(names(20));
  });

  it('puts together what comes in one turn, and what comes while a batch is written', async () => {
    const { writer, batches } = openSlab({ disk, segmentBytes: SMALL });
    await writer.append(sampleNeedle('first'));
    const { open, passed } = gate();
    gates = [passed];
    const appended = names(3).map((name) => writer.append(sampleNeedle(name)));
    await until(() => gates.length === 0);
    appended.push(...names(5, 'late').map((name) => writer.append(sampleNeedle(name))));
    expect(batches).toHaveLength(1);
    open();
    await Promise.all(appended);
    expect(batches.map((batch) => batch.length)).toEqual([1, 3, 5]);
  });

  it('writes the next batch while the former is indexed', async () => {
    const { open, passed } = gate();
    let indexing = 0;
    const indexed = async () => {
      indexing += 1;
      if (indexing === 1) await passed;
    };
    const { writer } = openSlab({ disk, indexed });
    const first = writer.append(sampleNeedle('first'));
    await until(() => indexing === 1);
    await writer.append(sampleNeedle('second'));
    expect(indexing).toBe(2);
    open();
    await first;
  });

  it('goes on in a new segment of a greater generation when one is full', async () => {
    const { writer, share } = openSlab({ disk, segmentBytes: SMALL });
    const needles = names(40).map((name) => sampleNeedle(name, bytes(6000)));
    const locations = await Promise.all(needles.map((needle) => writer.append(needle)));
    expect(new Set(locations.map(({ segment }) => segment)).size).toBeGreaterThan(3);
    for (const { segment, generation } of locations) expect(generation).toBe(segment + 1);
    expect(Atomics.load(share.segments, 0)).toBe(SegmentState.sealed);
    for (const path of disk.files()) expect(disk.bytesOf(path).length).toBeLessThanOrEqual(SMALL);
  });

  it('makes a segment as large as a needle that is larger', async () => {
    const { writer, folder } = openSlab({ disk, segmentBytes: 8192 });
    const needle = sampleNeedle('large', bytes(65_536));
    const location = await writer.append(needle);
    expectSame(await openSlabReader({ disk, folder }).read(location), needle);
  });

  it('takes free segments before it makes new ones, and leaves one of them to those who go below the reserve', async () => {
    const slab = openSlab({ disk, segmentBytes: SMALL });
    await Promise.all(names(40).map((name) => slab.writer.append(sampleNeedle(name, bytes(6000)))));
    await slab.writer.close();
    const files = disk.files().length;
    for (const segment of [0, 1]) await releaseSegment(slab, segment);
    const { writer } = openSlab({ disk, segmentBytes: SMALL, share: slab.share });
    expect((await writer.append(sampleNeedle('a'))).segment).toBe(0);
    await writer.close();
    const second = openSlab({ disk, segmentBytes: SMALL, share: slab.share });
    expect((await second.writer.append(sampleNeedle('b'))).segment).toBe(files);
    await second.writer.close();
    const third = openSlab({ disk, segmentBytes: SMALL, share: slab.share });
    expect((await third.writer.append(sampleNeedle('c'), { belowReserve: true })).segment).toBe(1);
    expect(await scanNames(disk, SLABS, 0)).toEqual(['a']);
  });

  it('shares the segments of a device with other lanes', async () => {
    const share = newShare();
    const lanes = [0, 1, 2].map((lane) => openSlab({ disk, share, lane, segmentBytes: SMALL }));
    const locations = await Promise.all(
      lanes.flatMap(({ writer }, lane) =>
        names(20, `lane${lane}-`).map((name) => writer.append(sampleNeedle(name, bytes(6000)))),
      ),
    );
    const used = new Set(locations.map(({ segment, generation }) => `${segment} ${generation}`));
    expect(used.size).toBe(new Set(locations.map(({ segment }) => segment)).size);
    await Promise.all(lanes.map(({ writer }) => writer.close()));
    const infos = await listSegments(disk, SLABS);
    for (const { segment, lane } of infos)
      for (const name of await scanNames(disk, SLABS, segment)) expect(name).toMatch(`lane${lane}-`);
  });

  it('seals its segment when a write fails, tells those of that batch, and goes on in another', async () => {
    const { writer, share, batches } = openSlab({ disk });
    await writer.append(sampleNeedle('good'));
    fault = ({ kind, path }) => (kind === 'write' && path === FILE ? 'EIO' : undefined);
    const failed = await Promise.allSettled(names(3).map((name) => writer.append(sampleNeedle(name))));
    for (const each of failed)
      expect(each).toMatchObject({ status: 'rejected', reason: { code: 'DeviceUnavailable' } });
    expect(Atomics.load(share.segments, 0)).toBe(SegmentState.sealed);
    expect(await writer.append(sampleNeedle('next'))).toMatchObject({ segment: 1, generation: 2 });
    expect(batches.map(([needle]) => needle?.object)).toEqual(['good', 'next']);
  });

  it('says that a device is full, and writes again when it has space', async () => {
    const { writer, share } = openSlab({ disk });
    fault = ({ kind }) => (kind === 'write' ? 'ENOSPC' : undefined);
    await expect(writer.append(sampleNeedle('a'))).rejects.toMatchObject({ code: 'InsufficientStorage' });
    expect(Atomics.load(share.segments, 0)).toBe(SegmentState.absent);
    expect(disk.files()).toEqual([]);
    fault = () => undefined;
    expect(await writer.append(sampleNeedle('b'))).toMatchObject({ segment: 0 });
  });

  it('fills what has been zeroed when the device has no space for more', async () => {
    const { writer } = openSlab({ disk });
    await writer.append(sampleNeedle('first'));
    await until(() => disk.bytesOf(FILE).length > SMALL);
    await writer.idle();
    const zeroed = disk.bytesOf(FILE).length;
    disk.options.capacityBytes = zeroed;
    let written = 1;
    while (
      await writer.append(sampleNeedle('next', bytes(6000))).then(
        () => true,
        (error: unknown) => {
          expect(error).toMatchObject({ code: 'InsufficientStorage' });
          return false;
        },
      )
    )
      written += 1;
    expect(written).toBeGreaterThan(30);
    expect(disk.bytesOf(FILE).length).toBe(zeroed);
    await writer.append(sampleNeedle('small', bytes(10))).catch(() => undefined);
    await writer.close();
    expect((await scanNames(disk, SLABS, 0)).length).toBeGreaterThanOrEqual(written);
  });

  it('grows a segment by large batches, and is told of a full device by those that do not fit', async () => {
    const { writer } = openSlab({ disk });
    const many = (prefix: string) => names(100, prefix).map((name) => writer.append(sampleNeedle(name, bytes(6000))));
    await Promise.all(many('a'));
    await writer.idle();
    disk.options.capacityBytes = disk.bytesOf(FILE).length;
    for (const each of await Promise.allSettled(many('b')))
      expect(each).toMatchObject({ status: 'rejected', reason: { code: 'InsufficientStorage' } });
    delete disk.options.capacityBytes;
    expect(await writer.append(sampleNeedle('c'))).toMatchObject({ segment: 1 });
    expect((await scanNames(disk, SLABS, 0)).slice(0, 100)).toEqual(names(100, 'a'));
  });

  it('rejects the batch that could not be indexed, and is done with it', async () => {
    const share = newShare();
    let failing = true;
    const { writer } = openSlab({
      disk,
      share,
      indexed: async () => {
        if (failing) throw new Error('no index');
      },
    });
    await expect(writer.append(sampleNeedle('a'))).rejects.toThrow('no index');
    failing = false;
    const { generation, offset } = await writer.append(sampleNeedle('b'));
    expect(Atomics.load(share.settled, 0)).toBe(packPosition(generation, offset));
  });

  it('says how far everything is settled, whatever the order', async () => {
    const { writer, share } = openSlab({ disk });
    const settled = () => Atomics.load(share.settled, 0);
    expect(settled()).toBe(packPosition(1, 0));
    const first = await Promise.all(names(2).map((name) => writer.append(sampleNeedle(name))));
    const second = await writer.append(sampleNeedle('x'));
    writer.settle(second);
    writer.settle(first[0] as Location);
    writer.settle(first[0] as Location);
    expect(settled()).toBe(packPosition(1, 0));
    writer.settle({ ...(first[1] as Location) });
    expect(settled()).toBe(packPosition(1, second.offset + 4096));
    writer.settle({ ...second, generation: 9 });
    expect(settled()).toBe(packPosition(1, second.offset + 4096));
  });

  it('never says that what is being written is settled', async () => {
    const { writer, share } = openSlab({ disk, segmentBytes: SMALL });
    const first = await writer.append(sampleNeedle('first'));
    const { open, passed } = gate();
    gates = [passed];
    const second = writer.append(sampleNeedle('second'));
    await until(() => gates.length === 0);
    writer.settle(first);
    expect(Atomics.load(share.settled, 0)).toBe(packPosition(1, first.offset + 4096));
    open();
    writer.settle(await second);
    expect(Atomics.load(share.settled, 0)).toBe(packPosition(1, first.offset + 8192));
  });

  it('refuses more than its bound', async () => {
    const { writer } = openSlab({ disk });
    const { open, passed } = gate();
    gates = [passed];
    const needle = sampleNeedle('o');
    const appended: Promise<unknown>[] = [];
    for (let count = 0; count < MOST_WAITING_NEEDLES; count += 1) appended.push(writer.append(needle));
    await expect(writer.append(needle)).rejects.toMatchObject({ code: 'DeviceBusy' });
    open();
    await Promise.all(appended);
  });

  it('takes nothing after it has been closed, and closes idle or not', async () => {
    const { writer } = openSlab({ disk });
    const appended = writer.append(sampleNeedle('a'));
    await writer.close();
    await appended;
    await expect(writer.append(sampleNeedle('b'))).rejects.toMatchObject({ code: 'DeviceUnavailable' });
    await openSlab({ disk }).writer.close();
  });

  it('rejects a record that is longer than its bound, and only that', async () => {
    const { writer } = openSlab({ disk });
    const long: Needle = { ...sampleNeedle('long'), metadata: { 'x-object-meta-long': 'y'.repeat(1 << 20) } };
    const [refused, good] = await Promise.allSettled([writer.append(long), writer.append(sampleNeedle('a'))]);
    expect(refused).toMatchObject({ status: 'rejected', reason: { name: 'InvariantError' } });
    expect(good.status).toBe('fulfilled');
  });
});

/** The disk, noting what is written. */
function recording(below: FakeDisk, written: Uint8Array[][]): Disk {
  return new Proxy(below as Disk, {
    get: (target, name: keyof Disk) =>
      name !== 'open'
        ? Reflect.get(target, name).bind(target)
        : async (...args: Parameters<Disk['open']>) => {
            const file = await target.open(...args);
            const write = file.write.bind(file);
            file.write = async (parts, position) => {
              written.push([...parts]);
              await write(parts, position);
            };
            return file;
          },
  });
}
