import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { createLogger } from '../../../../common/log.ts';
import { xxh64 } from '../../../../common/xxh64.ts';
import { nodeDisk } from '../../../../object-server/disk/node-disk.ts';
import { openDeviceShare } from '../../../../object-server/engine/shared-state.ts';
import type { Needle, Scanned } from '../../../../object-server/slab/contract.ts';
import { listSegments } from '../../../../object-server/slab/list-segments.ts';
import { scanSegment } from '../../../../object-server/slab/scan-segment.ts';
import { openSlabReader } from '../../../../object-server/slab/slab-reader.ts';
import { openSlabWriter } from '../../../../object-server/slab/slab-writer.ts';

let folder: string;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'slab-'));
});
afterEach(() => rm(folder, { recursive: true }));

function needleOf(object: string, body: Buffer): Needle {
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
    sizeBytes: body.length,
    contentType: 'text/plain',
    fixedMetadata: {},
    metadata: { 'x-object-meta-a': 'ü' },
    listing: undefined,
    body: { where: 'inline', bytes: body, checksum: xxh64(body) },
  };
}

test('what is appended is read back, and scanned', async () => {
  const share = openDeviceShare();
  share.nextGeneration[0] = 1n;
  const indexed: Needle[] = [];
  const writer = openSlabWriter({
    disk: nodeDisk,
    folder,
    share,
    lane: 0,
    device: 'd',
    logger: createLogger('silent'),
    indexed: async (batch) => {
      indexed.push(...batch.map(({ needle }) => needle));
    },
  });
  const needles = Array.from({ length: 300 }, (_, i) => needleOf(`o${i}`, Buffer.alloc((i % 40) * 7, i)));
  const locations = await Promise.all(needles.map((needle) => writer.append(needle)));
  expect(indexed).toEqual(needles);
  const reader = openSlabReader({ disk: nodeDisk, folder });
  for (const [i, location] of locations.entries()) expect(await reader.read(location)).toEqual(needles[i]);
  for (const [i, location] of locations.entries()) expect(reader.readNow(location)).toEqual(needles[i]);
  for (const location of locations) writer.settle(location);
  await writer.close();
  const [info] = await listSegments(nodeDisk, folder);
  expect(info?.generation).toBe(1);
  const scanned: Scanned[] = [];
  for await (const each of scanSegment(nodeDisk, folder, 0)) scanned.push(each);
  expect(scanned).toEqual(needles.map((needle, i) => ({ found: 'needle', needle, location: locations[i] })));
  await reader.close();
});
