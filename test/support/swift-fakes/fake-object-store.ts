import { ApiError } from '../../../common/errors.ts';
import type { Timestamp } from '../../../common/timestamp.ts';
import type { ListingStore, ObjectRow } from '../../../container-server/contract.ts';
import {
  LISTED_AS,
  type ListingReport,
  type Metadata,
  type NewObject,
  type ObjectList,
  type ObjectListing,
  type ObjectReading,
  type ObjectState,
  type ObjectStore,
  type ObjectTarget,
  type ObjectUpload,
  type WholeBody,
  type WriteCondition,
} from '../../../object-server/contract.ts';

interface Stored {
  data?: { timestamp: Timestamp; version: NewObject; fixedMetadata: Metadata; bytes: Buffer; etag: string } | undefined;
  change?: { timestamp: Timestamp; metadata: Metadata } | undefined;
  contentType: { value: string; timestamp: Timestamp };
  deleted: Timestamp;
}

/** What a test makes go wrong on one device. */
export interface Faults {
  /** Every call is refused so. */
  unavailable?: 'DeviceUnavailable' | 'InsufficientStorage' | undefined;
  /** `write` fails once this many bytes have been written. */
  writeFailsAfter?: number | undefined;
  /** `commit` fails. */
  commitFails?: boolean;
  /** Reading fails with CorruptObject at this byte. */
  corruptAt?: number | undefined;
  /** `create` never resolves. */
  hangs?: boolean;
}

/** Objects of one device, in memory, with the promises of the contract. Reuses its read buffer, as real engines may. */
export class FakeObjectStore implements ObjectStore {
  readonly faults: Faults = {};
  readonly objects = new Map<string, Stored>();
  /** Uploads that were begun and neither committed nor aborted. */
  openUploads = 0;
  openReadings = 0;
  /** Times that it was asked for what is in memory, and given a whole body. */
  openedNow = 0;
  wholePuts = 0;
  /** Largest piece that `body` yields. */
  chunkBytes = 7;
  private readonly listings: (device: string) => ListingStore;

  constructor(listings: (device: string) => ListingStore) {
    this.listings = listings;
  }

  async create(target: ObjectTarget, version: NewObject): Promise<ObjectUpload> {
    this.assertAvailable();
    if (this.faults.hangs) await new Promise(() => {});
    const stored = this.objects.get(keyOf(target));
    assertNewData(stored, version.timestamp);
    assertCondition(stored, version);
    this.openUploads += 1;
    return this.upload(target, version);
  }

  async put(target: ObjectTarget, version: NewObject, { bytes, etag }: WholeBody): Promise<void> {
    this.wholePuts += 1;
    const upload = await this.create(target, version);
    try {
      await upload.write(bytes);
      await upload.commit({ etag, sizeBytes: bytes.length });
    } catch (error) {
      await upload.abort();
      throw error;
    }
  }

  openNow(target: ObjectTarget): ObjectReading | undefined {
    const stored = this.objects.get(keyOf(target));
    const state = stateOf(stored);
    if (!state || !stored?.data || this.faults.unavailable) return undefined;
    const { bytes } = stored.data;
    this.openReadings += 1;
    this.openedNow += 1;
    let closed = false;
    return {
      state,
      body: () => {
        throw new Error('a reading that is taken at once is asked for its body at once');
      },
      bodyNow: () => (this.faults.corruptAt === undefined ? Buffer.from(bytes) : undefined),
      close: async () => {
        if (!closed) this.openReadings -= 1;
        closed = true;
      },
    };
  }

  async open(target: ObjectTarget) {
    this.assertAvailable();
    const stored = this.objects.get(keyOf(target));
    const state = stateOf(stored);
    if (!state || !stored?.data) throw refused(404, 'ObjectNotFound', stored ? { timestamp: stored.deleted } : {});
    const { bytes } = stored.data;
    const { faults } = this;
    const buffer = Buffer.alloc(this.chunkBytes);
    this.openReadings += 1;
    let closed = false;
    return {
      state,
      async *body(start: number, end: number) {
        for (let at = start; at < end; at += buffer.length) {
          if (faults.corruptAt !== undefined && at >= faults.corruptAt) throw refused(500, 'CorruptObject');
          const length = Math.min(buffer.length, end - at);
          bytes.copy(buffer, 0, at, at + length);
          yield buffer.subarray(0, length);
          buffer.fill(0x21);
        }
      },
      close: async () => {
        if (!closed) this.openReadings -= 1;
        closed = true;
      },
    };
  }

  async setMetadata(
    target: ObjectTarget,
    change: { timestamp: Timestamp; metadata: Metadata; contentType?: string; listing?: ListingReport | undefined },
  ): Promise<ObjectState> {
    this.assertAvailable();
    const stored = this.objects.get(keyOf(target));
    if (!stored || !stateOf(stored)) throw refused(404, 'ObjectNotFound');
    assertNewer(stored, change.timestamp);
    stored.change = { timestamp: change.timestamp, metadata: change.metadata };
    if (change.contentType !== undefined)
      stored.contentType = { value: change.contentType, timestamp: change.timestamp };
    const state = stateOf(stored) as ObjectState;
    await this.report(target, change.listing, rowOf(target, state));
    return state;
  }

  async remove(
    target: ObjectTarget,
    removal: { timestamp: Timestamp; listing?: ListingReport | undefined },
  ): Promise<{ existed: boolean }> {
    this.assertAvailable();
    const stored = this.objects.get(keyOf(target));
    assertNewer(stored, removal.timestamp);
    const existed = stateOf(stored) !== undefined;
    this.objects.set(keyOf(target), { contentType: { value: '', timestamp: '' }, deleted: removal.timestamp });
    await this.report(target, removal.listing, { name: target.object, timestamp: removal.timestamp, deleted: true });
    return { existed };
  }

  async listObjects(_device: string, { policyIndex, after = '', limit }: ObjectListing): Promise<ObjectList> {
    this.assertAvailable();
    const keys = [...this.objects.keys()].sort().filter((key) => key > after);
    const page = keys.slice(0, limit);
    const objects = page.flatMap((key) => {
      const [policy, account = '', container = '', object = ''] = JSON.parse(key) as [number, string, string, string];
      const { data } = this.objects.get(key) ?? {};
      return data && policy === policyIndex
        ? [{ partition: 0, account, container, object, timestamp: data.timestamp }]
        : [];
    });
    return { objects, after: keys.length > limit ? page.at(-1) : undefined };
  }

  private upload(target: ObjectTarget, version: NewObject): ObjectUpload {
    const parts: Buffer[] = [];
    let written = 0;
    let open = true;
    const finish = () => {
      if (open) this.openUploads -= 1;
      open = false;
    };
    return {
      write: async (chunk) => {
        written += chunk.length;
        if (written > (this.faults.writeFailsAfter ?? Number.POSITIVE_INFINITY)) throw new Error('EIO');
        parts.push(Buffer.from(chunk));
      },
      commit: async (footer) => {
        if (this.faults.commitFails) throw refused(507, 'DeviceUnavailable');
        const bytes = Buffer.concat(parts);
        if (bytes.length !== footer.sizeBytes) throw refused(422, 'ChecksumMismatch');
        const before = this.objects.get(keyOf(target));
        assertCondition(before, version);
        assertNewData(before, version.timestamp);
        const fixedMetadata = { ...version.fixedMetadata, ...footer.fixedMetadata };
        const stored: Stored = {
          data: { timestamp: version.timestamp, version, fixedMetadata, bytes, etag: footer.etag },
          contentType: { value: version.contentType, timestamp: version.timestamp },
          change: before?.change && before.change.timestamp > version.timestamp ? before.change : undefined,
          deleted: '',
        };
        this.objects.set(keyOf(target), stored);
        finish();
        try {
          await this.report(target, version.listing, rowOf(target, stateOf(stored) as ObjectState));
        } catch (error) {
          this.objects.set(keyOf(target), { contentType: { value: '', timestamp: '' }, deleted: version.timestamp });
          throw error;
        }
      },
      abort: async () => finish(),
    };
  }

  private async report(target: ObjectTarget, listing: ListingReport | undefined, row: ObjectRow): Promise<void> {
    if (!listing) return;
    const { account, container } = target;
    for (const { device, partition } of [listing, ...(listing.others ?? []).slice(0, listing.alsoOthers ?? 0)])
      await this.listings(device).applyObjectRows({ device, partition, account, container }, [row]);
  }

  private assertAvailable(): void {
    if (this.faults.unavailable) throw refused(507, this.faults.unavailable);
  }
}

function keyOf({ policyIndex, account, container, object }: ObjectTarget): string {
  return JSON.stringify([policyIndex, account, container, object]);
}

function stateOf(stored: Stored | undefined): ObjectState | undefined {
  const { data, change, contentType } = stored ?? {};
  if (!data || !contentType) return undefined;
  return {
    timestamp: change?.timestamp ?? data.timestamp,
    dataTimestamp: data.timestamp,
    metadataTimestamp: change?.timestamp ?? data.timestamp,
    contentType: contentType.value,
    contentTypeTimestamp: contentType.timestamp,
    etag: data.etag,
    sizeBytes: data.bytes.length,
    fixedMetadata: data.fixedMetadata,
    metadata: change?.metadata ?? data.version.metadata,
  };
}

/** A large object's manifest says what its row shall show. */
function rowOf(target: ObjectTarget, state: ObjectState): ObjectRow {
  const { fixedMetadata } = state;
  return {
    name: target.object,
    deleted: false,
    timestamp: state.dataTimestamp,
    contentType: state.contentType,
    contentTypeTimestamp: state.contentTypeTimestamp,
    metadataTimestamp: state.metadataTimestamp,
    etag: fixedMetadata[LISTED_AS.etag] ?? state.etag,
    sizeBytes: Number(fixedMetadata[LISTED_AS.sizeBytes] ?? state.sizeBytes),
  };
}

function assertCondition(stored: Stored | undefined, { onlyIfAbsent, onlyIfUnchangedSince }: WriteCondition): void {
  if (onlyIfAbsent && stateOf(stored)) throw refused(412, 'ObjectExists');
  const timestamp = stored?.data?.timestamp ?? stored?.deleted ?? '';
  if (onlyIfUnchangedSince !== undefined && timestamp > onlyIfUnchangedSince)
    throw refused(412, 'ObjectChanged', { timestamp });
}

/** New data need not be newer than metadata that were posted past them. */
function assertNewData(stored: Stored | undefined, timestamp: Timestamp): void {
  assertNewer(stored && { ...stored, change: undefined }, timestamp);
}

function assertNewer(stored: Stored | undefined, timestamp: Timestamp): void {
  const newest = [stored?.deleted, stored?.data?.timestamp, stored?.change?.timestamp].reduce<string>(
    (latest, each) => (each !== undefined && each > latest ? each : latest),
    '',
  );
  if (timestamp <= newest) throw refused(409, 'OlderVersion', { timestamp: newest });
}

export function refused(status: number, code: string, details: Record<string, unknown> = {}): ApiError {
  return new ApiError({ status, code, message: code, details });
}
