import { expect } from 'vitest';
import { createLogger } from '../../../common/log.ts';
import { xxh64 } from '../../../common/xxh64.ts';
import type { Disk } from '../../../object-server/disk/contract.ts';
import { type DeviceShare, openDeviceShare } from '../../../object-server/engine/shared-state.ts';
import type { Needle, NeedleBody, Scanned, SlabWriter } from '../../../object-server/slab/contract.ts';
import { scanSegment } from '../../../object-server/slab/scan-segment.ts';
import { openSlabWriter, type SlabWriterDeps } from '../../../object-server/slab/slab-writer.ts';

export const SLABS = '/slabs';

export function inline(bytes: Uint8Array): NeedleBody {
  return { where: 'inline', bytes, checksum: xxh64(bytes) };
}

export function sampleNeedle(object: string, body: NeedleBody = inline(Buffer.from(object))): Needle {
  return {
    kind: 'data',
    account: 'AUTH_a',
    container: 'c',
    object,
    partition: 7,
    policyIndex: 0,
    timestamp: '1700000000.00000',
    tie: '0'.repeat(32),
    etag: 'f'.repeat(32),
    sizeBytes: body.where === 'inline' ? body.bytes.length : 0,
    contentType: 'text/plain',
    fixedMetadata: {},
    metadata: { 'x-object-meta-colour': 'grün' },
    listing: undefined,
    body,
  };
}

/** As Vitest compares, but bodies at once and not byte by byte. */
export function expectSame(found: Needle | undefined, needle: Needle): void {
  expect(found && comparable(found)).toStrictEqual(comparable(needle));
}

/** The inline body of a needle, as `bodyNow` gives it. */
export function expectBody(found: Uint8Array | undefined, { body }: Needle): void {
  expect(body.where).toBe('inline');
  if (body.where === 'inline') expect(found && Buffer.compare(found, body.bytes)).toBe(0);
}

function comparable(needle: Needle) {
  const { body } = needle;
  return { ...needle, body: body.where === 'inline' ? Buffer.from(body.bytes).toString('latin1') : body };
}

export function newShare(): DeviceShare {
  const share = openDeviceShare();
  Atomics.store(share.nextGeneration, 0, 1n);
  return share;
}

export interface SlabUnderTest {
  disk: Disk;
  folder: string;
  share: DeviceShare;
  writer: SlabWriter;
  /** What the index was told, batch by batch. */
  batches: Needle[][];
}

export function openSlab(deps: { disk: Disk } & Partial<SlabWriterDeps>): SlabUnderTest {
  const batches: Needle[][] = [];
  const complete = {
    folder: SLABS,
    share: newShare(),
    lane: 0,
    device: 'd1',
    logger: createLogger('silent'),
    indexed: async (batch: readonly { needle: Needle }[]) => {
      batches.push(batch.map(({ needle }) => needle));
    },
    ...deps,
  };
  return {
    disk: complete.disk,
    folder: complete.folder,
    share: complete.share,
    writer: openSlabWriter(complete),
    batches,
  };
}

export async function scanAll(disk: Disk, folder: string, segment: number, from?: number): Promise<Scanned[]> {
  const found: Scanned[] = [];
  for await (const each of scanSegment(disk, folder, segment, from)) found.push(each);
  return found;
}

/** A scan in short: names of objects, and `damage`. */
export async function scanNames(disk: Disk, folder: string, segment: number, from?: number): Promise<string[]> {
  const found = await scanAll(disk, folder, segment, from);
  return found.map((each) => (each.found === 'needle' ? each.needle.object : 'damage'));
}
