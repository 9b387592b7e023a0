import { readFileSync } from 'node:fs';
import { gunzipSync } from 'node:zlib';
import { describe, expect, it } from 'vitest';
import { ringOf } from '../../../ring/lookup.ts';
import { decodeRing, encodeRingPayload } from '../../../ring/ring-format.ts';

type Answer = [names: [string, string?, string?], partition: number, primaries: number[], handoffs: number[]];

const file = readFileSync(new URL('./swift-2.30.ring.gz', import.meta.url));
const answers = JSON.parse(readFileSync(new URL('./lookups.json', import.meta.url), 'utf8')) as Answer[];

describe('a ring that Swift 2.30 made', () => {
  it('answers every lookup as Swift does', () => {
    const ring = ringOf(decodeRing(file), { prefix: 'changeme', suffix: 'changeme' });
    for (const [names, partition, primaries, handoffs] of answers) {
      expect(ring.partitionOf(...names)).toBe(partition);
      expect(ring.primaries(partition).map(({ id }) => id)).toEqual(primaries);
      expect([...ring.handoffs(partition)].map(({ id }) => id)).toEqual(handoffs);
    }
  });

  it('is written again byte for byte below the compression', () => {
    expect(encodeRingPayload(decodeRing(file)).equals(gunzipSync(file))).toBe(true);
  });

  it('knows its fractional replicas, its removed device and its notes beyond ASCII', () => {
    const data = decodeRing(file);
    expect(ringOf(data, { prefix: '', suffix: '' }).replicaCount).toBe(2.5);
    expect(data.devices[4]).toBeUndefined();
    expect(data.devices[3]).toMatchObject({ meta: 'Gestell 4, Fach ü', replicationPort: 6300, weight: 100 });
  });
});
