/** Bodies are read in pieces of this size, one ahead: two of them are a piece of the pool. */
export const READ_BYTES = 512 << 10;
/** What was read lately is read again in such pieces where they are used: no other thread is asked, and they stay in the processor's cache. */
export const QUICK_READ_BYTES = 256 << 10;
/** A piece that took longer was not in memory: the rest of its reading is done by other threads. */
export const MOST_QUICK_READ_MS = 1;
/** Checksums that are read at once: those of 64 MiB of body. */
export const CHECKSUMS_PER_READ = 1024;
/** So much of a body is flushed at a time while the rest arrives: the flush at the end finds little left to do. */
export const FLUSH_BYTES = 64 << 20;
/** Shorter bodies go through the page cache: they have no whole piece, and drive little out of it. */
export const FEWEST_DIRECT_BYTES = 512 << 10;
/** Names of files read lately that are remembered per thread and device. */
export const MOST_REMEMBERED_NAMES = 1024;
