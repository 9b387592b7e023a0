import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { ObjectRow, ObjectUpdate } from '../../../container-server/contract.ts';
import { at, type ListingNode, makeListingNode, rowsIn, WHOLE } from '../../support/listing-store.ts';

const devices = ['d1', 'd2'];
const names = ['a', 'b', 'ü'];
const containers = ['c', 'd'];
const LAST = 9;

/** What object servers send of a few names: data of some time, perhaps with metadata after it, or a deletion. */
const row: fc.Arbitrary<ObjectRow> = fc
  .record({ name: fc.constantFrom(...names), ticks: fc.integer({ min: 2, max: LAST }), kind: fc.nat(3) })
  .map(({ name, ticks, kind }) =>
    kind === 0
      ? { name, timestamp: at(ticks), deleted: true as const }
      : {
          name,
          deleted: false as const,
          timestamp: at(ticks),
          contentType: `type of ${ticks}`,
          contentTypeTimestamp: at(ticks),
          metadataTimestamp: at(ticks + kind - 1),
          etag: `etag ${ticks}`,
          sizeBytes: ticks ** 3,
        },
  );

const update: fc.Arbitrary<ObjectUpdate> = fc.record({
  replicas: fc.constant(devices.map((device) => ({ device, partition: 7 }))),
  account: fc.constant('AUTH_a'),
  container: fc.constantFrom(...containers),
  row,
});

/** The same updates in two orders, some of them twice, cut into calls that are made at once or one after the other. */
const arrivals = fc.array(update, { minLength: 1, maxLength: 14 }).chain((updates) =>
  fc.record({
    updates: fc.constant(updates),
    again: fc.shuffledSubarray([...updates, ...updates], { minLength: updates.length * 2 }),
    cuts: fc.array(fc.record({ size: fc.integer({ min: 1, max: 6 }), waits: fc.boolean() }), { minLength: 4 }),
    oneByOne: fc.boolean(),
  }),
);

describe('rows of a container', () => {
  let node: ListingNode;
  let runs = 0;
  beforeAll(async () => {
    node = await makeListingNode();
  });
  afterAll(() => node.remove());

  /** A fresh account for each order of arrival: containers do not meet. */
  async function begin(): Promise<string> {
    runs += 1;
    const account = `AUTH_${runs}`;
    for (const container of containers)
      for (const device of devices)
        await node.store.createContainer(
          { device, partition: 7, account, container },
          { timestamp: at(1), metadata: {}, defaultPolicyIndex: 0, accounts: [] },
        );
    return account;
  }

  async function facts(account: string) {
    const all = [];
    for (const container of containers)
      for (const device of devices) {
        const target = { device, partition: 7, account, container };
        const { objectCount, bytesUsed } = await node.store.containerInfo(target);
        const page = await node.store.listObjects(target, WHOLE);
        const rows = rowsIn<{ name: string; hash: string; bytes: number }>(page);
        expect({ objectCount, bytesUsed }, 'counters are those of the rows').toEqual({
          objectCount: rows.length,
          bytesUsed: rows.reduce((sum, { bytes }) => sum + bytes, 0),
        });
        all.push(rows.map(({ name, hash, bytes }) => [name, hash, bytes]));
      }
    return all;
  }

  it('are the same, with exact counters, whatever order updates come in, how often, and in how many calls', async () => {
    await fc.assert(
      fc.asyncProperty(arrivals, async ({ updates, again, cuts, oneByOne }) => {
        const once = await begin();
        const outcomes = await node.store.applyObjectUpdates(updates.map((each) => ({ ...each, account: once })));
        expect(outcomes.flat().every((outcome) => outcome === 'listed')).toBe(true);
        const twice = await begin();
        const rest = again.map((each) => ({ ...each, account: twice }));
        const running: Promise<unknown>[] = [];
        for (let index = 0; rest.length > 0; index += 1) {
          const { size, waits } = cuts[index % cuts.length] ?? { size: 1, waits: true };
          const part = rest.splice(0, size);
          const work = oneByOne
            ? part.flatMap(({ replicas, account, container, row }) =>
                replicas.map((replica) => node.store.applyObjectRows({ ...replica, account, container }, [row])),
              )
            : [node.store.applyObjectUpdates(part)];
          running.push(...work);
          if (waits) await Promise.all(running);
        }
        await Promise.all(running);
        expect(await facts(twice)).toEqual(await facts(once));
      }),
      { numRuns: 150 },
    );
  });
});
