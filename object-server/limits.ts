/** Longest record (names, metadata) of a version. */
export const MOST_RECORD_BYTES = 1 << 20;
/** File operations of one device that wait for their turn; what is beyond is refused. */
export const MOST_WAITING_OPERATIONS = 20_000;
/**
 * Segments that the reserve of a device has room for at least: each thread has one in the making, and after a restart a new one; and the
 * devices of a small installation share one file system.
 */
export const RESERVED_SEGMENTS = 32;
/** How long a look at a device's free space is believed. */
export const SPACE_CACHE_MS = 1000;
/** The same before an upload is refused, and where little is left. */
export const SPACE_RECHECK_MS = 20;
/** A reader that finds a needle moved or recycled looks again. */
export const MOST_LOOKUPS = 16;
/** Pending listing updates that one step reads, and rows of one call. */
export const UPDATES_PER_STEP = 256;
/** How long starting waits for the updates that a crash left. */
export const START_UPDATES_MS = 10_000;
export const FIRST_BACKOFF_MS = 1000;
export const MOST_BACKOFF_MS = 60_000;
/** An upload of another node that sends nothing for this long is aborted. */
export const UPLOAD_IDLE_MS = 120_000;
/** A reading of another node that asks for nothing for this long is released. */
export const READING_IDLE_MS = 300_000;

/** Versions that one page of a device's list looks at, and so the objects of it. */
export const MOST_LISTED_OBJECTS = 256;

/** Container replicas that one listing report may name beside the one it goes to. */
export const MOST_OTHER_REPLICAS = 63;

/** Memory of one device's index for what is not in a table file yet; up to two of them are held. */
export const INDEX_WRITE_BUFFER_BYTES = 2 << 20;
/** Kept aside on each device for the index of a full disk: both of them as files, a new log, and the notes around them. */
export const SPARE_BYTES = 8 << 20;
export const SPARE_PIECE_BYTES = 1 << 20;
/** What a checkpoint writes beside the index's own bytes, at most. */
export const CHECKPOINT_BYTES = 256 << 10;
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
export const MOST_UPDATE_CALLS_OUT = 3;
/** With more rows' replicas than this, the next call waits until none is out. */
export const FEW_UPDATES = 6;
/** Rows' replicas of one thread that wait to be listed by one address; what is beyond is listed later. */
export const MOST_WAITING_UPDATES = 20_000;

/** Objects that one thread remembers, on all its devices, and the bytes of their needles: about what the system's memory holds too. */
export const MOST_CACHED_STATES = 16_384;
export const MOST_CACHED_BYTES = 256 << 20;
/** How long a writer that must be alone with a name waits for another. */
export const CLAIM_TIMEOUT_MS = 10_000;
/** A segment is at most this part of its device, and at least so large. */
export const FRACTION_OF_DEVICE = 128;
export const LEAST_SEGMENT_BYTES = 1 << 20;
/** Changes of the index that recovery puts at once. */
export const REPLAY_BATCH = 1000;

/** Between two looks of the housekeeper at what is due. */
export const HOUSEKEEPING_PERIOD_MS = 1000;
/** Its least share of the time where space is low, percent. */
export const HOUSEKEEPING_PERCENT_WHEN_LOW = 50;
/** Entries of the index that one step of a survey reads. */
export const VERSIONS_PER_SURVEY_STEP = 512;
/** Between two surveys: at least so long, and so many times as long as the last one took. */
export const SURVEY_PAUSE_MS = 60_000;
export const SURVEY_PAUSE_FACTOR = 10;
/** Needles that one step of a compaction looks at, and bytes of those that are moved at once. */
export const NEEDLES_PER_STEP = 256;
export const REMOVALS_PER_BATCH = 256;
export const MOST_MOVING_BYTES = 1 << 20;
/** Segments that are compacted under one checkpoint. */
export const MOST_SEGMENTS_PER_ROUND = 8;
/** Free segments that are kept: so many, and this part of those that are used. */
export const LEAST_FREE_SEGMENTS = 2;
export const MOST_FREE_PART = 0.1;
export const MOST_REMEMBERED_DEAD_FILES = 100_000;
/** Files that one step of the sweep of orphans looks at. */
export const LARGE_FILES_PER_STEP = 64;
export const MOST_ORPHAN_CANDIDATES = 10_000;
/** A large body without a needle is removed when it had none this long before. */
export const ORPHAN_GRACE_MS = 600_000;
/** A check of a device reads what the disk does not give back so many times. */
export const READ_ATTEMPTS = 3;
/** Problems of a device that a check tells one by one. */
export const MOST_REPORTED_PROBLEMS = 1000;
