import type { KeyValueStore } from '../../common/kv/contract.ts';
import { type Change, type ScanOptions, type Stored, Table } from '../../common/kv/table.ts';

export interface PairTableOptions<T> {
  name: string;
  /** The id in the first order, which is the record's own. */
  forwardId(record: T): string;
  /** The id in the second order. */
  backwardId(record: T): string;
}

/** Records that are looked up from two sides: kept under two ids, both written in one batch, each side a short scan. */
export class PairTable<T extends { id: string }> {
  private readonly forward: Table<T>;
  private readonly backward: Table<T>;
  private readonly options: PairTableOptions<T>;

  constructor(store: KeyValueStore, options: PairTableOptions<T>) {
    this.options = options;
    this.forward = new Table<T>(store, { name: options.name });
    this.backward = new Table<T>(store, { name: `${options.name}-backward` });
  }

  get(id: string): Promise<Stored<T> | undefined> {
    return this.forward.get(id);
  }

  /** In pages of `pageEntries`; others get their turn between them. */
  scanForward(idPrefix = '', options: ScanOptions = {}): AsyncGenerator<Stored<T>[], void, void> {
    return this.forward.scanPages(idPrefix, options);
  }

  listForward(idPrefix = ''): Promise<T[]> {
    return this.forward.list(undefined, idPrefix);
  }

  /** As stored in the second order: ids are those of the first. */
  async listBackward(idPrefix: string): Promise<T[]> {
    const records = await this.backward.list(undefined, idPrefix);
    return records.map((record) => ({ ...record, id: this.options.forwardId(record) }));
  }

  insert(record: T): Change {
    return joinChanges(
      this.forward.insert(record),
      this.backward.insert({ ...record, id: this.options.backwardId(record) }),
    );
  }

  /** The removal of a record that is there; undefined where it is gone already. */
  async removal(record: T): Promise<Change | undefined> {
    const forward = await this.forward.get(this.options.forwardId(record));
    const backward = await this.backward.get(this.options.backwardId(record));
    return forward && backward && joinChanges(this.forward.remove(forward), this.backward.remove(backward));
  }
}

function joinChanges(...changes: Change[]): Change {
  return {
    conditions: changes.flatMap(({ conditions }) => conditions),
    writes: changes.flatMap(({ writes }) => writes),
  };
}
