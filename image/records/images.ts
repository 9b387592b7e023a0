import type { KeyValueStore } from '../../common/kv/contract.ts';
import { ConflictError, commitChanges, type Stored, Table } from '../../common/kv/table.ts';
import { conflict } from '../errors.ts';
import type { DeletedImage, ImageRecord } from './image-record.ts';

/** The records of images. */
export class Images {
  private readonly store: KeyValueStore;
  private readonly table: Table<ImageRecord>;
  private readonly deleted: Table<DeletedImage>;

  constructor(store: KeyValueStore) {
    this.store = store;
    this.table = new Table(store, { name: 'images' });
    this.deleted = new Table(store, { name: 'deleted-images' });
  }

  /** An image that is not being deleted. */
  async get(id: string): Promise<ImageRecord | undefined> {
    const stored = await this.table.get(id);
    return stored && isLive(stored.record) ? stored.record : undefined;
  }

  list(matches: (image: ImageRecord) => boolean): Promise<ImageRecord[]> {
    return this.table.list((image) => isLive(image) && matches(image));
  }

  /** Images that a crash, or a store that was away, left in the middle of something. */
  listUnfinished(): Promise<ImageRecord[]> {
    return this.table.list(({ status, transfer }) => status === 'pending_delete' || transfer !== null);
  }

  /** @throws ApiError 409 for an id that is taken, or was once. */
  async insert(image: ImageRecord): Promise<void> {
    const unused = this.deleted.insert({ id: image.id, deletedAtMs: 0 });
    try {
      await commitChanges(this.store, this.table.insert(image), { conditions: unused.conditions, writes: [] });
    } catch (error) {
      if (error instanceof ConflictError) throw conflict(`Image ID ${image.id} already exists!`);
      throw error;
    }
  }

  /**
   * Changes a live image. `decide` may be called again when others win a race; it returns undefined to leave the image as it is,
   * or throws to refuse.
   *
   * @returns the image afterwards; undefined if it is gone.
   */
  update(id: string, decide: (image: ImageRecord) => ImageRecord | undefined): Promise<ImageRecord | undefined> {
    let live = true;
    return this.table
      .update(id, (image) => {
        live = isLive(image);
        return live ? decide(image) : undefined;
      })
      .then((image) => (live ? image : undefined));
  }

  /** Forgets an image whose bytes are gone, and keeps its id from being used again. */
  async remove(id: string, nowMs: number): Promise<void> {
    const stored = await this.table.get(id);
    if (!stored) return;
    await commitChanges(this.store, this.table.remove(stored), this.burn(stored, nowMs));
  }

  private burn({ record }: Stored<ImageRecord>, nowMs: number) {
    return this.deleted.insert({ id: record.id, deletedAtMs: nowMs });
  }
}

function isLive({ status }: ImageRecord): boolean {
  return status !== 'pending_delete' && status !== 'deleted';
}
