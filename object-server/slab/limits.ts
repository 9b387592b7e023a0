/** Segments are this large unless a batch alone is larger. */
export const SEGMENT_BYTES = 64 << 20;
/** Batches begin and end at whole blocks: no batch shares a block of the disk with another. */
export const BLOCK_BYTES = 4096;
/** At the start of each segment: two header slots. */
export const SEGMENT_HEADER_BYTES = 4096;
/** A batch takes no more needles beyond this; one needle may be larger. */
export const MOST_BATCH_BYTES = 1 << 20;
/** A batch gathers needles for so many turns of the event loop at most. */
export const MOST_GATHERING_TURNS = 16;
/** Needles follow each other at multiples of this. */
export const NEEDLE_ALIGNMENT = 8;
/** Longest encoded listing report: 64 replicas. */
export const MOST_LISTING_BYTES = 64 << 10;
/** Needles of one writer that wait; what is beyond is refused. */
export const MOST_WAITING_NEEDLES = 20_000;
export const MOST_WAITING_BYTES = 128 << 20;
/** Up to this size a part of a needle is copied beside the others: one buffer less for the system call. */
export const COPY_BYTES = 16 << 10;
/**
 * A batch of nothing but needles from this size on goes past the page cache: to have its pages filled costs more than all else, for
 * bytes that may never be read. Who reads one first reads it from the disk.
 */
export const FEWEST_DIRECT_BYTES = 32 << 10;
/** Memory in which a batch is laid out grows by this. */
export const LAYOUT_STEP_BYTES = 64 << 10;
/** First and largest step of zeroing ahead in a fresh segment: small devices stay small. */
export const FIRST_ZERO_BYTES = 256 << 10;
export const MOST_ZERO_BYTES = 2 << 20;
/** Batches from this size on are written where nothing has been zeroed. */
export const GROWING_BATCH_BYTES = 64 << 10;
/** Segment files that one reader keeps open. */
export const MOST_OPEN_SEGMENTS = 128;
/** Needles up to this size are read into memory that they share with others, allocated in pieces of READ_POOL_BYTES. */
export const MOST_POOLED_BYTES = 16 << 10;
export const READ_POOL_BYTES = 128 << 10;
/** A scan reads this much at once; a larger needle takes more. */
export const SCAN_WINDOW_BYTES = 2 << 20;
/** Encoded records that are remembered, for the other replicas of the same version, and the longest of them. */
export const REMEMBERED_RECORDS = 256;
export const MOST_REMEMBERED_BYTES = 4096;
/** Free segments that only housekeeping and tombstones may use when the file system is full. */
export const SPARE_SEGMENTS = 1;
/** Headers that are read at once when segments are listed. */
export const LIST_IN_FLIGHT = 16;
