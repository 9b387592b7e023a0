import { beforeEach, describe, expect, it } from 'vitest';
import { SegmentState } from '../../../../object-server/engine/shared-state.ts';
import { CorruptNeedleError } from '../../../../object-server/slab/corrupt-needle.ts';
import { releaseSegment, removeSegment } from '../../../../object-server/slab/release-segment.ts';
import { segmentPath } from '../../../../object-server/slab/segment-file.ts';
import { openSlabReader } from '../../../../object-server/slab/slab-reader.ts';
import { type DiskOperation, FakeDisk } from '../../../support/object-server/fake-disk.ts';
import {
  expectBody,
  expectSame,
  inline,
  openSlab,
  SLABS,
  type SlabUnderTest,
  sampleNeedle,
} from '../../../support/object-server/slabs.ts';
import { SeededRandom } from '../../../support/simulation/seeded-random.ts';

const SMALL = 64 << 10;

let disk: FakeDisk;
let slab: SlabUnderTest;
let fault: (operation: DiskOperation) => string | undefined;

beforeEach(async () => {
  fault = () => undefined;
  disk = new FakeDisk({ random: new SeededRandom(3), fault: (operation) => fault(operation) });
  await disk.makeFolder(SLABS);
  slab = openSlab({ disk, segmentBytes: SMALL });
});

describe('a slab reader', () => {
  it('says at once what is in a segment that is open, and nothing of others', async () => {
    const needle = sampleNeedle('a');
    const location = await slab.writer.append(needle);
    const reader = openSlabReader(slab);
    expect(reader.bodyNow(location)).toBeUndefined();
    expectSame(await reader.read(location), needle);
    expectBody(reader.bodyNow(location), needle);
    await reader.close();
    expect(reader.bodyNow(location)).toBeUndefined();
  });

  it('tells damage, in the needle and in the header of the segment', async () => {
    const location = await slab.writer.append(sampleNeedle('a'));
    const reader = openSlabReader(slab);
    await reader.read(location);
    disk.flip(segmentPath(SLABS, 0), location.offset + location.lengthBytes - 1, 0);
    expect(reader.bodyNow(location)).toBeUndefined();
    await expect(reader.read(location)).rejects.toThrow(CorruptNeedleError);
    disk.flip(segmentPath(SLABS, 0), location.offset + location.lengthBytes - 1, 0);
    expect(await reader.read(location)).toBeDefined();
    for (const slot of [0, 2048]) disk.flip(segmentPath(SLABS, 0), slot + 9, 2);
    await expect(openSlabReader(slab).read(location)).rejects.toThrow('header of segment 0');
  });

  it('does not mind damage to one of the two headers', async () => {
    const location = await slab.writer.append(sampleNeedle('a'));
    for (const slot of [0, 2048]) {
      disk.flip(segmentPath(SLABS, 0), slot + 9, 2);
      expectSame(await openSlabReader(slab).read(location), sampleNeedle('a'));
      disk.flip(segmentPath(SLABS, 0), slot + 9, 2);
    }
  });

  it('tells damage where the file has become too short', async () => {
    const location = await slab.writer.append(sampleNeedle('a'));
    const file = await disk.open(segmentPath(SLABS, 0), { write: true });
    await file.truncate(location.offset + 20);
    await expect(openSlabReader(slab).read(location)).rejects.toThrow(CorruptNeedleError);
  });

  it('does not find what was there before its segment was recycled', async () => {
    const old = await slab.writer.append(sampleNeedle('old'));
    const reader = openSlabReader(slab);
    await reader.read(old);
    await slab.writer.close();
    await releaseSegment(slab, 0);
    expectSame(await reader.read(old), sampleNeedle('old')); // its bytes are as they were
    const { writer } = openSlab({ disk, share: slab.share, segmentBytes: SMALL });
    const location = await writer.append(sampleNeedle('new'), { belowReserve: true });
    expect(location).toMatchObject({ segment: 0, generation: 2 });
    expect(reader.bodyNow(old)).toBeUndefined();
    expect(await reader.read(old)).toBeUndefined();
    expectSame(await reader.read(location), sampleNeedle('new'));
  });

  it('does not find what was in a segment that is gone, or was made again', async () => {
    const old = await slab.writer.append(sampleNeedle('old'));
    await slab.writer.close();
    const reader = openSlabReader(slab);
    await reader.read(old);
    await releaseSegment(slab, 0);
    expect(await removeSegment(slab, 0)).toBe(true);
    expect(await removeSegment(slab, 0)).toBe(false);
    expect(disk.files()).toEqual([]);
    expect(await openSlabReader(slab).read(old)).toBeUndefined();
    const { writer } = openSlab({ disk, share: slab.share, segmentBytes: SMALL });
    const location = await writer.append(sampleNeedle('new'));
    expectSame(await reader.read(location), sampleNeedle('new'));
    expect(await reader.read(old)).toBeUndefined();
  });

  it('keeps no more files open than it may', async () => {
    const needles = Array.from({ length: 60 }, (_, index) =>
      sampleNeedle(`${index}`, inline(Buffer.alloc(6000, index))),
    );
    const locations = await Promise.all(needles.map((needle) => slab.writer.append(needle)));
    expect(new Set(locations.map(({ segment }) => segment)).size).toBeGreaterThan(4);
    const reader = openSlabReader({ ...slab, mostOpen: 2 });
    await Promise.all(
      locations.map(async (location, index) =>
        expectSame(await reader.read(location), needles[index] ?? sampleNeedle('')),
      ),
    );
    const open = new Set(locations.filter((location) => reader.bodyNow(location)).map(({ segment }) => segment));
    expect(open.size).toBe(2);
    await reader.close();
  });

  it("passes the disk's errors on", async () => {
    const location = await slab.writer.append(sampleNeedle('a'));
    fault = ({ kind }) => (kind === 'open' ? 'EIO' : undefined);
    await expect(openSlabReader(slab).read(location)).rejects.toMatchObject({ code: 'EIO' });
    fault = ({ kind }) => (kind === 'read' ? 'EIO' : undefined);
    await expect(openSlabReader(slab).read(location)).rejects.toMatchObject({ code: 'EIO' });
    fault = () => undefined;
  });
});

describe('a segment that is given up', () => {
  it('is scanned no more once it is free, and is made free only when it is sealed', async () => {
    await slab.writer.append(sampleNeedle('a'));
    await expect(releaseSegment(slab, 0)).rejects.toThrow('not sealed');
    await slab.writer.close();
    await releaseSegment(slab, 0);
    expect(Atomics.load(slab.share.segments, 0)).toBe(SegmentState.free);
  });

  it('stays sealed where its file cannot be removed', async () => {
    await slab.writer.append(sampleNeedle('a'));
    await slab.writer.close();
    await releaseSegment(slab, 0);
    fault = ({ kind }) => (kind === 'remove' ? 'EIO' : undefined);
    await expect(removeSegment(slab, 0)).rejects.toMatchObject({ code: 'EIO' });
    expect(Atomics.load(slab.share.segments, 0)).toBe(SegmentState.sealed);
  });
});
