/**
 * What the object engine asks of a disk. The product runs on `node-disk.ts`; simulations run on a disk that loses whatever was not
 * flushed, tears writes at sector boundaries, forgets folder entries that were not synced, and fails when told to.
 *
 * Promises of every implementation:
 * - Nothing is on stable storage before `sync` (of the file), `syncFolder` (of a name that came, went or changed), or, for a file
 *   opened `durable`, the end of `write`. What is not, may be lost in any part and any order, at sector boundaries of 512 bytes.
 * - A `rename` is seen whole or not at all.
 * - Errors are Node's system errors (`code`: ENOENT, EIO, ENOSPC, …). After a failed `write` or `sync` nothing may be assumed about
 *   the bytes concerned.
 */
export interface Disk {
  /** @throws ENOENT without `create`; EEXIST with `exclusive`. */
  open(path: string, options: OpenOptions): Promise<DiskFile>;
  rename(from: string, to: string): Promise<void>;
  /** @throws ENOENT. */
  remove(path: string): Promise<void>;
  /** With the folders above it; not an error where it is there. Each new entry is durable when this resolves. */
  makeFolder(path: string): Promise<void>;
  /** Names in a folder, in no order; none where it is not there. */
  list(folder: string): Promise<string[]>;
  /** Makes the entries of a folder durable. */
  syncFolder(path: string): Promise<void>;
  /** Undefined where there is no such file. */
  sizeOf(path: string): Promise<number | undefined>;
  /** Of the file system that holds `path`: for callers without privileges. */
  space(path: string): Promise<{ freeBytes: number; totalBytes: number }>;
}

export interface OpenOptions {
  write?: boolean;
  create?: boolean;
  exclusive?: boolean;
  /** O_DSYNC: a write that resolved is on stable storage. */
  durable?: boolean;
  /**
   * For large transfers: what is read or written in whole blocks of 4 KiB, in memory at a page boundary, goes past the page cache where
   * the disk can do that. Nothing else changes: a hint.
   */
  direct?: boolean;
}

export interface DiskFile {
  /** @returns bytes read: fewer than asked for only at the end of the file. */
  read(into: Uint8Array, position: number): Promise<number>;
  /** The same, blocking: for bytes that are surely in memory. */
  readNow(into: Uint8Array, position: number): number;
  /** All parts one after the other from `position`, in one system call where the disk takes them at once. */
  write(parts: readonly Uint8Array[], position: number): Promise<void>;
  /** Makes the bytes and the size durable. */
  sync(): Promise<void>;
  sizeBytes(): Promise<number>;
  truncate(sizeBytes: number): Promise<void>;
  close(): Promise<void>;
}
