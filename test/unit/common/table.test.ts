import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { LevelStore } from '../../../common/kv/level-store.ts';
import { ConflictError, commitChanges, type Stored, Table } from '../../../common/kv/table.ts';

interface Bird {
  id: string;
  name: string;
  wings: number;
}

describe('a table of records', () => {
  let folder: string;
  let store: LevelStore;
  let birds: Table<Bird>;

  beforeEach(async () => {
    folder = await mkdtemp(join(tmpdir(), 'martlet-table-'));
    store = await LevelStore.open(folder);
    birds = new Table<Bird>(store, { name: 'birds', unique: { name: (bird) => bird.name.toLowerCase() } });
  });

  afterEach(async () => {
    await store.close();
    await rm(folder, { recursive: true });
  });

  const insert = (bird: Bird) => commitChanges(store, birds.insert(bird));

  async function stored(id: string): Promise<Stored<Bird>> {
    const found = await birds.get(id);
    if (!found) throw new Error(`no ${id}`);
    return found;
  }

  it('finds a record by id and by its unique key', async () => {
    await insert({ id: '1', name: 'Martlet', wings: 2 });
    expect((await birds.get('1'))?.record).toEqual({ id: '1', name: 'Martlet', wings: 2 });
    expect((await birds.findBy('name', 'martlet'))?.record.id).toBe('1');
    expect(await birds.findBy('name', 'swift')).toBeUndefined();
  });

  it('refuses a second record with the same unique key and names that key', async () => {
    await insert({ id: '1', name: 'Martlet', wings: 2 });
    const error = await insert({ id: '2', name: 'MARTLET', wings: 2 }).catch((refusal: unknown) => refusal);
    expect(error).toBeInstanceOf(ConflictError);
    expect((error as ConflictError).key).toBe(birds.uniqueKeyOf('name', 'martlet'));
    expect(await birds.get('2')).toBeUndefined();
  });

  it('frees the old unique key when it changes', async () => {
    await insert({ id: '1', name: 'Martlet', wings: 2 });
    const current = await stored('1');
    await commitChanges(store, birds.replace(current, { ...current.record, name: 'Swift' }));
    expect(await birds.findBy('name', 'martlet')).toBeUndefined();
    expect((await birds.findBy('name', 'swift'))?.record.id).toBe('1');
    await insert({ id: '2', name: 'Martlet', wings: 2 });
  });

  it('refuses a replacement that is based on an old reading', async () => {
    await insert({ id: '1', name: 'Martlet', wings: 2 });
    const current = await stored('1');
    await birds.update('1', (bird) => ({ ...bird, wings: 3 }));
    await expect(commitChanges(store, birds.replace(current, { ...current.record, wings: 4 }))).rejects.toThrow(
      ConflictError,
    );
    expect((await stored('1')).record.wings).toBe(3);
  });

  it('loses no concurrent update', async () => {
    await insert({ id: '1', name: 'Martlet', wings: 0 });
    await Promise.all(
      Array.from({ length: 25 }, () => birds.update('1', (bird) => ({ ...bird, wings: bird.wings + 1 }))),
    );
    expect((await stored('1')).record.wings).toBe(25);
  });

  it('removes a record with its unique keys', async () => {
    await insert({ id: '1', name: 'Martlet', wings: 2 });
    await commitChanges(store, birds.remove(await stored('1')));
    expect(await birds.get('1')).toBeUndefined();
    expect(await birds.findBy('name', 'martlet')).toBeUndefined();
  });

  it('scans across pages in the order of ids, and below a prefix', async () => {
    for (let index = 0; index < 1100; index += 50) {
      const ids = Array.from({ length: 50 }, (_, offset) => String(index + offset).padStart(4, '0'));
      await commitChanges(store, ...ids.map((id) => birds.insert({ id, name: `n${id}`, wings: 2 })).slice(0, 50));
    }
    const ids = (await birds.list()).map(({ id }) => id);
    expect(ids).toHaveLength(1100);
    expect(ids).toEqual([...ids].sort());
    expect(await birds.list(() => true, '10')).toHaveLength(100);
  });

  it('changes several records in one batch or none', async () => {
    await insert({ id: '1', name: 'Martlet', wings: 2 });
    const current = await stored('1');
    const change = commitChanges(
      store,
      birds.replace(current, { ...current.record, wings: 9 }),
      birds.insert({ id: '2', name: 'martlet', wings: 1 }),
    );
    await expect(change).rejects.toThrow(ConflictError);
    expect((await stored('1')).record.wings).toBe(2);
  });
});
