import { randomBytes, randomUUID } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { ImageStore } from '../../../image/stores/contract.ts';

export interface StoreUnderTest {
  store: ImageStore;
  /** Names of everything that the store's medium holds, leftovers of uploads included. */
  names(): Promise<string[]>;
  close(): Promise<void>;
}

/** What every image store promises. Spec: image/stores/contract.ts. */
export function testImageStore(
  name: string,
  open: () => Promise<StoreUnderTest>,
  sizes: { several: number; boundary: number },
): void {
  describe(`the ${name} store`, () => {
    let under: StoreUnderTest;
    let store: ImageStore;
    const bytes = randomBytes(sizes.several);

    beforeAll(async () => {
      under = await open();
      store = under.store;
    });
    afterAll(() => under?.close());

    it('gives back what was written, whole and any part of it', async () => {
      const location = await store.write(randomUUID(), chunksOf(bytes, 60_000));
      expect(location).toMatchObject({ kind: store.kind, sizeBytes: bytes.length });
      const { boundary } = sizes;
      for (const [start, end] of [
        [0, bytes.length],
        [0, 1],
        [boundary - 3, boundary + 3],
        [boundary, 2 * boundary],
        [bytes.length - 1, bytes.length],
        [5, 5],
      ] as const) {
        const read = await gather(store.read(location, { start, end }));
        expect(read.equals(bytes.subarray(start, end)), `${start}..${end}`).toBe(true);
      }
      await store.delete(location);
    });

    it('keeps an image without bytes', async () => {
      const location = await store.write(randomUUID(), chunksOf(Buffer.alloc(0), 1));
      expect(location.sizeBytes).toBe(0);
      expect((await gather(store.read(location, { start: 0, end: 0 }))).length).toBe(0);
      await store.delete(location);
    });

    it('has its location survive being stored as JSON', async () => {
      const location = await store.write(randomUUID(), chunksOf(bytes.subarray(0, 100), 10));
      const again = JSON.parse(JSON.stringify(location));
      expect((await gather(store.read(again, { start: 10, end: 20 }))).equals(bytes.subarray(10, 20))).toBe(true);
      await store.delete(again);
    });

    it('deletes all of it, and again without complaint', async () => {
      const id = randomUUID();
      const location = await store.write(id, chunksOf(bytes, 60_000));
      expect(holding(await under.names(), id)).not.toEqual([]);
      await store.delete(location);
      expect(holding(await under.names(), id)).toEqual([]);
      await store.delete(location);
      await expect(gather(store.read(location, { start: 0, end: 1 }))).rejects.toThrow();
    });

    it('fails with the error of the data, leaves nothing after a discard, and takes the id again', async () => {
      const id = randomUUID();
      const fault = new Error('the client is gone');
      await expect(store.write(id, breaking(bytes, fault))).rejects.toBe(fault);
      await store.discard(id);
      expect(holding(await under.names(), id)).toEqual([]);
      const location = await store.write(id, chunksOf(bytes.subarray(0, 1000), 100));
      expect((await gather(store.read(location, { start: 0, end: 1000 }))).equals(bytes.subarray(0, 1000))).toBe(true);
      await store.delete(location);
    });

    it('discards what was never there without complaint, and touches no other image', async () => {
      const location = await store.write(randomUUID(), chunksOf(bytes.subarray(0, 10), 10));
      await store.discard(randomUUID());
      expect((await gather(store.read(location, { start: 0, end: 10 }))).length).toBe(10);
      await store.delete(location);
    });
  });
}

export async function* chunksOf(bytes: Buffer, size: number): AsyncGenerator<Buffer, void, void> {
  for (let at = 0; at < bytes.length; at += size) yield bytes.subarray(at, at + size);
}

async function* breaking(bytes: Buffer, fault: Error): AsyncGenerator<Buffer, void, void> {
  yield* chunksOf(bytes.subarray(0, bytes.length - 10), 60_000);
  throw fault;
}

export async function gather(source: AsyncIterable<Buffer>): Promise<Buffer> {
  const chunks: Buffer[] = [];
  for await (const chunk of source) chunks.push(chunk);
  return Buffer.concat(chunks);
}

function holding(names: readonly string[], id: string): string[] {
  return names.filter((name) => name.includes(id));
}
