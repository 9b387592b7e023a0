import { timestampFromTicks } from '../../common/timestamp.ts';
import { ROWS_PER_RECLAIM_STEP } from '../limits.ts';
import type { ListingDatabase } from './database.ts';
import { spaceBounds } from './keys.ts';
import { decodeContainer, isLive, latest } from './records.ts';

/** Forgets what was deleted before `horizonMs`: rows, then containers. In steps, between which the writer serves others. */
export async function reclaim(database: ListingDatabase, horizonMs: number): Promise<void> {
  const horizon = timestampFromTicks(Math.max(0, Math.floor(horizonMs * 100)));
  for (const space of ['O', 'R'] as const) await sweep(database, space, (_, deletedAt) => deletedAt < horizon);
  await sweep(database, 'C', (_, text) => {
    const record = decodeContainer(text);
    // Deletions of its objects that are still remembered outlive it by what it knows of them.
    return record !== undefined && !isLive(record) && latest(record.deletedAt, record.newestDeletion) < horizon;
  });
}

async function sweep(
  database: ListingDatabase,
  space: 'C' | 'O' | 'R',
  isOld: (key: string, value: string) => boolean,
): Promise<void> {
  const bounds = spaceBounds(space);
  let from = bounds.gt;
  for (;;) {
    const entries = await database.db.iterator({ gt: from, lt: bounds.lt, limit: ROWS_PER_RECLAIM_STEP }).all();
    const last = entries.at(-1);
    if (last === undefined) return;
    from = last[0];
    const old = entries.filter(([key, value]) => isOld(key, value)).map(([key]) => key);
    if (old.length > 0)
      await database.change(async (view) => {
        for (const key of old) {
          const value = await view.get(key); // it may have come back since
          if (value !== undefined && isOld(key, value)) view.remove(key);
        }
      });
  }
}
