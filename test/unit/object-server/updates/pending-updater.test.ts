import { beforeEach, describe, expect, it } from 'vitest';
import { createLogger } from '../../../../common/log.ts';
import type { ObjectRow, ObjectUpdate } from '../../../../container-server/contract.ts';
import type { ListingReport } from '../../../../object-server/contract.ts';
import { UPDATES_PER_STEP } from '../../../../object-server/limits.ts';
import type { PendingSource, PendingUpdate } from '../../../../object-server/updates/contract.ts';
import { PendingUpdater } from '../../../../object-server/updates/pending-updater.ts';
import { at, liveRow } from '../../../support/listing-store.ts';

type Mode = 'listed' | 'gone' | 'failed' | 'rejects';

/** Pending updates in memory. */
class MemorySource implements PendingSource {
  entries: PendingUpdate[] = [];
  readonly rows = new Map<string, ObjectRow>();
  readonly takenBack: string[] = [];
  fails = false;

  add(object: string, listing: ListingReport, row: ObjectRow | undefined = liveRow(object, at(1))): void {
    const key = Buffer.from(`${this.entries.length}`.padStart(8, '0'));
    const target = { device: 'd1', partition: 3, account: 'AUTH_a', container: 'c', object, policyIndex: 0 };
    this.entries.push({ key, target, kind: 'data', timestamp: at(1), tie: '', listing });
    if (row !== undefined) this.rows.set(object, row);
  }

  next: PendingSource['next'] = async (after, limit) => {
    if (this.fails) throw new Error('the index is gone');
    const rest = this.entries.filter(({ key }) => after === undefined || key.compare(after) > 0);
    const updates = rest.slice(0, limit);
    return { updates, after: rest.length > limit ? updates.at(-1)?.key : undefined };
  };
  currentRow: PendingSource['currentRow'] = async ({ object }) => this.rows.get(object);
  forget: PendingSource['forget'] = async (updates) => {
    this.entries = this.entries.filter((entry) => !updates.includes(entry));
  };
  takeBack: PendingSource['takeBack'] = async ({ target }) => void this.takenBack.push(target.object);
}

describe('pending listing updates', () => {
  let source: MemorySource;
  let modes: Record<string, Mode>;
  let calls: { port: number; updates: readonly ObjectUpdate[] }[];
  let nowMs: number;
  let updater: PendingUpdater;
  const replica = (device: string, port = 6201) => ({ ip: '127.0.0.1', port, device, partition: 7 });
  const three: ListingReport = { ...replica('d1'), others: [replica('d2'), replica('d3', 7201)] };

  beforeEach(() => {
    source = new MemorySource();
    modes = {};
    calls = [];
    nowMs = 1_700_000_000_000;
    updater = new PendingUpdater({
      device: 'd1',
      source,
      listingStoreAt: ({ port }) => ({
        applyObjectUpdates: async (updates) => {
          calls.push({ port, updates });
          if (modes[port] === 'rejects') throw new Error('no listings today');
          return updates.map(({ replicas }) =>
            replicas
              .map(({ device }) => modes[device] ?? 'listed')
              .map((mode) => (mode === 'rejects' ? 'failed' : mode)),
          );
        },
      }),
      clock: { nowMs: () => nowMs },
      logger: createLogger('silent'),
    });
  });

  it('go to all replicas of their containers, one call for each address, and tell what is true now', async () => {
    source.add('a', three);
    source.add('b', three);
    source.rows.set('a', { name: 'a', timestamp: at(9), deleted: true });
    await updater.sweep();
    expect(calls.map(({ port, updates }) => [port, updates.length, updates[0]?.replicas.length])).toEqual([
      [6201, 2, 2],
      [7201, 2, 1],
    ]);
    expect(calls[0]?.updates[0]?.row).toEqual({ name: 'a', timestamp: at(9), deleted: true });
    expect(source.entries).toEqual([]);
  });

  it('go step by step, however many there are', async () => {
    for (let index = 0; index < 2 * UPDATES_PER_STEP + 1; index += 1) source.add(`${index}`, replica('d1'));
    await updater.sweep();
    expect(calls.map(({ updates }) => updates.length)).toEqual([UPDATES_PER_STEP, UPDATES_PER_STEP, 1]);
    expect(source.entries).toEqual([]);
  });

  it('stay until every replica has answered; one that fails is left alone for a while, longer each time', async () => {
    source.add('a', three);
    modes['d2'] = 'failed';
    await updater.sweep();
    expect(source.entries).toHaveLength(1);
    await updater.sweep();
    expect(
      calls.flatMap(({ updates }) => updates.flatMap(({ replicas }) => replicas)).map(({ device }) => device),
    ).toEqual(['d1', 'd2', 'd3', 'd1', 'd3']);
    nowMs += 1000;
    await updater.sweep();
    nowMs += 1000;
    modes['d2'] = 'listed';
    await updater.sweep();
    expect(source.entries, 'the second pause is twice as long').toHaveLength(1);
    nowMs += 1000;
    await updater.sweep();
    expect(source.entries).toEqual([]);
  });

  it('stay when an address cannot be asked', async () => {
    source.add('a', three);
    modes['7201'] = 'rejects';
    await updater.sweep();
    expect(source.entries).toHaveLength(1);
    expect(source.takenBack).toEqual([]);
  });

  it('are taken back when no replica knows the container, and not when only some do not', async () => {
    source.add('a', three);
    modes = { d1: 'gone', d2: 'gone' };
    await updater.sweep();
    expect(source.takenBack).toEqual([]);
    expect(source.entries).toEqual([]);
    source.add('b', three);
    modes = { d1: 'gone', d2: 'gone', d3: 'gone' };
    await updater.sweep();
    expect(source.takenBack).toEqual(['b']);
    expect(source.entries).toEqual([]);
  });

  it('of objects that nothing is known of any more are forgotten, and list nothing', async () => {
    source.add('a', three);
    source.rows.clear();
    await updater.sweep();
    expect(calls).toEqual([]);
    expect(source.entries).toEqual([]);
  });

  it('wait for the next pass when the index fails; passes at the same time are one', async () => {
    source.add('a', three);
    source.fails = true;
    await updater.sweep();
    source.fails = false;
    await Promise.all([updater.sweep(), updater.sweep(), updater.idle()]);
    expect(calls).toHaveLength(2);
    expect(source.entries).toEqual([]);
  });
});
