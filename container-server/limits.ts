/** Changes of one device that wait for its writer; what is beyond is refused. */
export const MOST_QUEUED_CHANGES = 20_000;
/** Rows that were taken are written at the latest after so long, milliseconds, all that came meanwhile in one synced batch. */
export const TAKEN_DELAY_MS = 50;
/** Rows of one device that may wait for that; the senders of what is beyond wait for its batch. */
export const MOST_TAKEN_ROWS = 8192;
/** How often those who sent taken rows look whether they are durable, milliseconds. */
export const TAKEN_CHECK_MS = 25;
/** Changes that share one synced batch. */
export const MOST_CHANGES_PER_BATCH = 512;
/** A batch with this many writes takes no further change. */
export const WRITES_OF_FULL_BATCH = 2048;
/** How long the writer reads without waiting, milliseconds; what is beyond is read on other threads. */
export const MOST_BLOCKING_READS_MS = 1;
/** Containers' records that a device's writer keeps in memory. */
export const MOST_CACHED_CONTAINERS = 1024;
/** Containers of one device whose live rows' names the writer knows, and bytes of memory for that. */
export const MOST_CONTAINERS_WITH_KNOWN_NAMES = 1024;
export const MOST_KNOWN_NAMES_BYTES = 8 << 20;
/** The names of a container are read once this many looks at the database were in vain, and one for so many rows. */
export const FEWEST_MISSES_BEFORE_SCAN = 32;
export const ROWS_PER_MISS = 16;
/** Rows in one call. */
export const MOST_ROWS_PER_CALL = 10_000;
/** Rows of one listing page. */
export const MOST_ROWS_PER_PAGE = 10_000;
/** Entries fetched from LevelDB at once, where a delimiter may make most of them useless, and where not. */
export const FEWEST_ENTRIES_PER_FETCH = 4;
export const MOST_ENTRIES_PER_FETCH = 1000;
/** The same in bytes: a fetch ends with the entry that goes beyond. */
export const MOST_BYTES_PER_FETCH = 1 << 20;
/** A page lies in blocks of this size; so many of each thread wait for the next page. */
export const PAGE_BLOCK_BYTES = 1 << 20;
export const MOST_FREE_PAGE_BLOCKS = 8;
/** Containers in one report to an account replica. */
export const MOST_CONTAINERS_PER_REPORT = 1000;
/** After a report that failed, its account replica is left alone for this long, doubling up to the most. */
export const FIRST_BACKOFF_MS = 1000;
export const MOST_BACKOFF_MS = 60_000;
/** How often rows deleted longer ago than `reclaim_age_s` are looked for. */
export const RECLAIM_INTERVAL_MS = 3_600_000;
/** Deleted rows that one reclaiming step reads, and removes in one change. */
export const ROWS_PER_RECLAIM_STEP = 1000;
/** Body of one backend request. */
export const MOST_BODY_BYTES = 64 << 20;
