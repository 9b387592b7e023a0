import { randomBytes } from 'node:crypto';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { xxh64 } from '../../../common/xxh64.ts';
import type { LocalObjectStore } from '../../../object-server/store.ts';
import { at } from '../../support/listing-store.ts';
import {
  get,
  makeObjectNode,
  md5,
  newObject,
  type ObjectNode,
  put,
  refusalOf,
  TARGET,
} from '../../support/object-store.ts';

const NONE = Buffer.alloc(0);

describe('stores of several threads on the same devices', () => {
  let node: ObjectNode;
  let lanes: LocalObjectStore[];

  beforeEach(async () => {
    node = await makeObjectNode();
    lanes = [node.store, await node.open(), await node.open()];
  });
  afterEach(() => node.remove());

  const lane = (number: number): LocalObjectStore => {
    const found = lanes[number % lanes.length];
    if (found === undefined) throw new Error('there is no such lane');
    return found;
  };

  const putWhole = (store: LocalObjectStore, ticks: number, bytes: Buffer, onlyIfAbsent = false) =>
    store.put(TARGET, newObject(ticks, { onlyIfAbsent }), { bytes, etag: md5(bytes), checksum: xxh64(bytes) });

  it('see at once what another one has acknowledged, whatever they remember', async () => {
    for (let round = 1; round <= 30; round += 1) {
      const body = randomBytes(100 + round);
      const writer = lane(round);
      if (round % 7 === 0) {
        await writer.remove(TARGET, { timestamp: at(round) });
        for (const reader of lanes) {
          expect(reader.openNow(TARGET)).toBeUndefined();
          expect(await refusalOf(reader.open(TARGET))).toMatchObject({ details: { timestamp: at(round) } });
        }
        continue;
      }
      await putWhole(writer, round, body);
      for (const reader of lanes) {
        const now = reader.openNow(TARGET);
        if (now !== undefined) expect(now.state.dataTimestamp).toBe(at(round));
        expect(await get(reader, TARGET)).toEqual(body);
        const warm = reader.openNow(TARGET);
        expect(warm?.state.etag).toBe(md5(body));
        expect(warm?.bodyNow?.()).toEqual(body);
      }
    }
  });

  it('keep the newest of many writes of one name at once, whole, on every thread', async () => {
    const bodies = Array.from({ length: 60 }, (_, index) => randomBytes(index % 5 === 0 ? 90_000 : 500 + index));
    const order = bodies.map((_, index) => (index * 37) % bodies.length);
    const writes = order.map((index) => put(lane(index), TARGET, index + 1, bodies[index] ?? Buffer.alloc(0)));
    for (const outcome of await Promise.allSettled(writes))
      if (outcome.status === 'rejected') expect(outcome.reason).toMatchObject({ code: 'OlderVersion' });
    for (const reader of lanes) expect((await get(reader, TARGET)).equals(bodies.at(-1) ?? Buffer.alloc(0))).toBe(true);
  });

  it('let exactly one of those win that write a name only if it is absent', async () => {
    for (let round = 0; round < 20; round += 1) {
      const first = round * 100 + 1;
      const bodies = Array.from({ length: 9 }, () => randomBytes(50));
      const outcomes = await Promise.allSettled(
        bodies.map((body, index) => putWhole(lane(index), first + index, body, true)),
      );
      const winners = outcomes.flatMap(({ status }, index) => (status === 'fulfilled' ? [index] : []));
      expect(winners).toHaveLength(1);
      for (const outcome of outcomes)
        if (outcome.status === 'rejected') expect(outcome.reason).toMatchObject({ code: 'ObjectExists' });
      const winner = bodies[winners[0] ?? -1];
      for (const reader of lanes) expect(await get(reader, TARGET)).toEqual(winner);
      await lane(round).remove(TARGET, { timestamp: at(first + 50) });
    }
  });

  it('let exactly one of those win that replace the same version', async () => {
    await putWhole(lane(0), 1, randomBytes(50));
    let seen = at(1);
    for (let round = 1; round <= 20; round += 1) {
      const outcomes = await Promise.allSettled(
        Array.from({ length: 9 }, async (_, index) => {
          const ticks = round * 100 + ((index * 5) % 9);
          const body = randomBytes(index % 3 === 0 ? 70_000 : 50);
          await put(lane(index), TARGET, ticks, body, { onlyIfUnchangedSince: seen });
          return { timestamp: at(ticks), body };
        }),
      );
      const winners = outcomes.flatMap((outcome) => (outcome.status === 'fulfilled' ? [outcome.value] : []));
      expect(winners).toHaveLength(1);
      for (const outcome of outcomes)
        if (outcome.status === 'rejected')
          expect(['ObjectChanged', 'OlderVersion']).toContain((outcome.reason as { code: string }).code);
      for (const reader of lanes) expect((await get(reader, TARGET)).equals(winners[0]?.body ?? NONE)).toBe(true);
      seen = winners[0]?.timestamp ?? seen;
    }
  });

  it('lose nothing when the process is killed after it acknowledged', async () => {
    const bodies = new Map<string, Buffer>();
    await Promise.all(
      Array.from({ length: 60 }, async (_, index) => {
        const object = `o${index}`;
        const body = randomBytes(index % 9 === 0 ? 70_000 : 3000);
        bodies.set(object, body);
        await put(lane(index), { ...TARGET, object }, 1, body);
        if (index === 30) await node.store.checkpoint();
      }),
    );
    const after = await node.restart('killed');
    for (const [object, body] of bodies) expect((await get(after, { ...TARGET, object })).equals(body)).toBe(true);
  });

  it('cannot be opened before the housekeeper has prepared the devices', async () => {
    const fresh = await makeObjectNode({ housekeeping: false });
    expect(await refusalOf(fresh.store.open(TARGET))).toMatchObject({ code: 'DeviceUnavailable' });
    await fresh.remove();
  });
});
