/** Bytes of a body that share one checksum: a range reads and verifies only the blocks it touches. */
export const BLOCK_BYTES = 64 << 10;
/** Bodies are written in pieces of this size, a whole number of blocks. */
export const WRITE_BYTES = 512 << 10;
/** Bodies are read in pieces of this size, a whole number of blocks. */
export const READ_BYTES = 256 << 10;
/** A version file up to this size is read in one go and needs no open file while its body is read. */
export const SMALL_FILE_BYTES = 128 << 10;
/** What is read at first of the end of a larger one: most records fit. */
export const TAIL_BYTES = 16 << 10;
/** Longest record (names, metadata) of a version. */
export const MOST_RECORD_BYTES = 1 << 20;
/** File operations of one device that wait for their turn; what is beyond is refused. */
export const MOST_WAITING_OPERATIONS = 20_000;
/** How long a look at a device's free space is believed. */
export const SPACE_CACHE_MS = 1000;
/** The same before an upload is refused. */
export const SPACE_RECHECK_MS = 20;
/** A reader that finds a version cleaned away looks again: the newer one is there. */
export const MOST_LOOKUPS = 16;
/** Folders whose entries are known to be durable, remembered per device. */
export const MOST_KNOWN_FOLDERS = 100_000;
/** Pending listing updates that one step reads, and rows of one call. */
export const UPDATES_PER_STEP = 256;
/** A pending update of this very process is sent again only when the upload that made it cannot still be waiting. */
export const UPDATE_GRACE_MS = 15_000;
/** A pending update whose version never appeared is forgotten after this. */
export const UNPUBLISHED_AGE_MS = 3_600_000;
/** How long starting waits for the updates that a crash left. */
export const START_UPDATES_MS = 10_000;
export const FIRST_BACKOFF_MS = 1000;
export const MOST_BACKOFF_MS = 60_000;
/** An upload of another node that sends nothing for this long is aborted. */
export const UPLOAD_IDLE_MS = 120_000;
/** A reading of another node that asks for nothing for this long is released. */
export const READING_IDLE_MS = 300_000;

/** Container replicas that one listing report may name beside the one it goes to. */
export const MOST_OTHER_REPLICAS = 63;

/** Memory of one device's index for what is not in a table file yet; up to two of them are held. */
export const INDEX_WRITE_BUFFER_BYTES = 2 << 20;
export const INDEX_CACHE_BYTES = 2 << 20;
/** Table files that one index keeps open. */
export const INDEX_FILES = 200;
/** Versions of an object that a look-up asks for at first: most have one. */
export const VERSIONS_AT_FIRST = 4;
export const MOST_VERSIONS_PER_STEP = 256;

/** Listing updates of one call: rows, and bytes of names and values (about). */
export const MOST_UPDATES_PER_CALL = 256;
export const MOST_UPDATE_BYTES_PER_CALL = 1 << 20;
/** Calls with listing updates that one thread has out to one address at once; meanwhile the next one gathers. */
export const MOST_UPDATE_CALLS_OUT = 2;
/** Rows' replicas of one thread that wait to be listed by one address; what is beyond is listed later. */
export const MOST_WAITING_UPDATES = 20_000;
