import type { ObjectRow } from '../../../container-server/contract.ts';
import { encodeRowUpdate, mergeObjectRow, type RowState } from '../../../container-server/store/object-rows.ts';
import type { SeededRandom } from '../../support/simulation/seeded-random.ts';

const STAMP = 16;
const NONE: RowState = { live: undefined, deletedAt: undefined };

/** What a listing shows of an object. */
export interface ListedRow {
  dataTimestamp: string;
  contentTypeTimestamp: string;
  metadataTimestamp: string;
  etag: string;
  sizeBytes: number;
  contentType: string;
}

/** The containers that the devices' objects are in: one replica for each device, durable at once, rows merged as containers do. */
export class SimListings {
  private readonly rows = new Map<string, RowState>();
  private readonly forgotten = new Set<string>();
  private readonly random: SeededRandom;

  constructor(random: SeededRandom) {
    this.random = random;
  }

  take(device: string, row: ObjectRow): void {
    const key = `${device}/${row.name}`;
    this.rows.set(key, mergeObjectRow(this.rows.get(key) ?? NONE, encodeRowUpdate(row)));
  }

  /** The container is not there at this moment: with it all its rows of this name have gone. */
  forget(device: string, name: string): void {
    this.rows.delete(`${device}/${name}`);
    this.forgotten.add(`${device}/${name}`);
  }

  /** Whether its rows say nothing any more of what was written before. */
  wasForgotten(device: string, name: string): boolean {
    return this.forgotten.has(`${device}/${name}`);
  }

  rowOf(device: string, name: string): ListedRow | undefined {
    const live = this.rows.get(`${device}/${name}`)?.live;
    if (live === undefined) return undefined;
    const { hash, bytes, content_type: contentType } = JSON.parse(live.slice(3 * STAMP));
    return {
      dataTimestamp: live.slice(0, STAMP),
      contentTypeTimestamp: live.slice(STAMP, 2 * STAMP),
      metadataTimestamp: live.slice(2 * STAMP, 3 * STAMP),
      etag: hash,
      sizeBytes: bytes,
      contentType,
    };
  }

  /** A row that nobody got an answer for has arrived, or not. */
  maybeTake(device: string, row: ObjectRow): void {
    if (this.random.chance(0.5)) this.take(device, row);
  }
}
