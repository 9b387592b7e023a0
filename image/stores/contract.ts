/** Where a store keeps an image's bytes: enough to read and delete them, kept in the image's record. */
export type StoreLocation = FileLocation | SwiftLocation | S3Location;

interface FileLocation {
  kind: 'file';
  sizeBytes: number;
  /** Name of the file in the store's folder. */
  name: string;
}

export interface SwiftLocation {
  kind: 'swift';
  sizeBytes: number;
  container: string;
  /** In order; the image is their concatenation. */
  segments: SwiftSegment[];
}

export interface SwiftSegment {
  /** Object name: `<image id>-NNNNN`. */
  name: string;
  sizeBytes: number;
}

export interface S3Location {
  kind: 's3';
  sizeBytes: number;
  bucket: string;
  key: string;
}

/** Bytes `start` ≤ n < `end`, within the image: what HTTP's ranges are turned into. */
export interface ByteSpan {
  start: number;
  end: number;
}

/**
 * What keeps images' bytes. Implementations: file, swift, s3.
 *
 * Promises of every implementation, shown by `test/support/image/store-suite.ts`:
 * - `write` streams with constant memory. When it resolves, all bytes are durable and readable. When `data` fails, it rejects with
 *   the same error. Whenever it rejects, the caller discards.
 * - `read` gives exactly the bytes of the span. A byte that cannot be had is an error of the stream, never a shorter stream.
 * - `delete` and `discard` of what is not there are no errors.
 * - An id is written again only after its last write failed or was discarded.
 */
export interface ImageStore {
  readonly kind: StoreLocation['kind'];
  /** Whether the store could be asked now: a Swift store without an object store in the catalog is not offered to anybody. */
  isAvailable(): Promise<boolean>;
  /** @throws ApiError `StorageFull` (413), `StoreUnavailable` (503). */
  write(imageId: string, data: AsyncIterable<Buffer>): Promise<StoreLocation>;
  /** @throws ApiError `StoreUnavailable` (503) before the first byte; other errors break the iteration. */
  read(location: StoreLocation, span: ByteSpan): AsyncIterable<Buffer>;
  delete(location: StoreLocation): Promise<void>;
  /** Removes whatever a failed write of this id, also of a process that died, may have left. */
  discard(imageId: string): Promise<void>;
}
