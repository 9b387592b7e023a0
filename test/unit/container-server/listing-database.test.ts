import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { createLogger } from '../../../common/log.ts';
import { ListingDatabase } from '../../../container-server/store/database.ts';
import { type ContainerRecord, NEVER } from '../../../container-server/store/records.ts';
import { at } from '../../support/listing-store.ts';

const record = (objectCount: number): ContainerRecord => ({
  v: 1,
  createdAt: at(1),
  putTimestamp: at(1),
  deletedAt: NEVER,
  policyIndex: 0,
  objectCount,
  bytesUsed: 0,
  newestDeletion: NEVER,
  metadata: {},
  accounts: [],
});

let folder: string;
let database: ListingDatabase;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'martlet-database-'));
  database = await ListingDatabase.open('d1', folder, createLogger('silent'));
});
afterEach(async () => {
  await database.close();
  await rm(folder, { recursive: true });
});

it('a change that fails in the middle leaves nothing: not in the batch, not in memory, no mark', async () => {
  await database.change(async (view) => view.putContainer('a', 'c', record(1)));
  const [before, failed, after] = await Promise.allSettled([
    database.change(async (view) => view.putContainer('a', 'd', record(2))),
    database.change(async (view) => {
      view.putContainer('a', 'c', record(5));
      view.putContainer('a', 'd', record(5));
      view.putContainer('a', 'd', record(6));
      view.markDirty('a', 'c');
      view.remove('C\0a\0c');
      throw new Error('in the middle');
    }),
    database.change(async (view) => {
      const counts = [await view.container('a', 'c'), await view.container('a', 'd')];
      return { counts: counts.map((each) => each?.objectCount), mark: await view.get('m\0a\0c') };
    }),
  ]);
  expect(before.status).toBe('fulfilled');
  expect(failed).toMatchObject({ status: 'rejected', reason: { code: 'DeviceUnavailable' } });
  expect(after).toMatchObject({ value: { counts: [1, 2], mark: undefined } });
  expect(database.dirtyVersion('a', 'c')).toBeUndefined();
  expect(JSON.parse((await database.db.get('C\0a\0c')) ?? '')).toMatchObject({ objectCount: 1 });
  expect(JSON.parse((await database.db.get('C\0a\0d')) ?? '')).toMatchObject({ objectCount: 2 });
});

it('reads many keys in their order, those of the running batch among them, however long reading takes', async () => {
  await database.change(async (view) => {
    for (let index = 0; index < 3000; index += 1) view.put(`r\0${index}`, `${index}`);
  });
  const keys = Array.from({ length: 4000 }, (_, index) => `r\0${index}`);
  const values = await database.change(async (view) => {
    view.put('r\x003', 'changed');
    view.remove('r\x002999');
    view.put('r\x003999', 'new');
    return view.getMany(keys);
  });
  expect(values).toHaveLength(4000);
  expect([values[2], values[3], values[2998], values[2999], values[3999]]).toEqual([
    '2',
    'changed',
    '2998',
    undefined,
    'new',
  ]);
});
