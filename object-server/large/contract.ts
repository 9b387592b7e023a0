/**
 * Large bodies: files of their own below `large/` of one device. Spec: docs/formats/large-file.md
 *
 * A file holds a body, a checksum for each of its blocks, and whose body it is (its seed); all else about the version is in its needle, which
 * names the file. Made by `openLargeFiles({ disk, folder, newName? })` in `large-files.ts`; threads may open the same folder at once.
 *
 * Promises, over every Disk:
 * - A file is under its name whole and durable, or not at all; a name is never given twice.
 * - What `read` yields has passed the checksum of its block.
 * - A file that was opened can be read to its end, whoever removes it meanwhile.
 *
 * Errors are the disk's own (ENOSPC, EIO, …): `toDeviceError` makes them the caller's.
 */
export interface LargeFiles {
  /** Begins a file. Touches the disk only when the first bytes are written. */
  begin(body: NewLargeFile): LargeUpload;
  /**
   * @param seed, sizeBytes as the needle tells them: another body's file does not pass for this one.
   * @throws CorruptLargeFileError; ENOENT where there is no such file.
   */
  open(name: string, seed: bigint, sizeBytes: number): Promise<LargeReading>;
  /**
   * Removes a file; one that is not there is no error. Not durably: what a power cut brings back is an orphan, or belongs to a version that
   * is dead still, and is removed again.
   */
  remove(name: string): Promise<void>;
  /** Names greater than `after` ('' : from the first) in ascending order, at most `limit`: for the sweep of orphans. */
  list(after: string, limit: number): Promise<string[]>;
  /** Removes what uploads that a crash ended have left: only before any upload begins on the device. @returns how many. */
  removeTemporaries(): Promise<number>;
}

interface NewLargeFile {
  /** `bodySeed` of the version. */
  seed: bigint;
  /** Where it is known: a hint. */
  sizeBytes?: number;
  /**
   * 1 to 96 lower case hex digits of the caller's choice, the last part of the name (`labelOf` gives it back): the sweep of orphans can look
   * up from it which version a file should belong to.
   */
  label?: string;
}

export interface LargeUpload {
  /** Bytes taken so far. */
  readonly sizeBytes: number;
  /**
   * Resolves when the next chunk is welcome; the chunk's memory may be reused after that. One call at a time.
   * Chunks of whole blocks are written from where they are; others are gathered first.
   *
   * @param checksums of the chunk's blocks, see `ObjectUpload.write`; where the chunk does not begin at a block they are ignored.
   */
  write(chunk: Uint8Array, checksums?: BigUint64Array): Promise<void>;
  /**
   * Makes body and trailer durable, renames the file into place, makes that durable: only after this may its needle be written.
   * A crash before that leaves a temporary file, or a file that no needle names.
   */
  finish(): Promise<{ name: string; sizeBytes: number }>;
  /** Removes what was written. Never rejects; after `finish` has resolved it does nothing (then `remove` is the way). */
  discard(): Promise<void>;
}

export interface LargeReading {
  readonly sizeBytes: number;
  /**
   * Bytes `start` (inclusive) to `end` (exclusive), 0 <= start <= end <= sizeBytes. Only the blocks that they touch are read and verified.
   * A chunk's memory is used again when the next one is asked for. One iteration at a time.
   * @throws CorruptLargeFileError in the middle; the disk's own errors.
   */
  read(start: number, end: number): AsyncIterable<Uint8Array>;
  /** Never rejects. */
  close(): Promise<void>;
}
