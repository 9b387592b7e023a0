/** Largest JSON body, in bytes. */
export const MOST_BODY_BYTES = 1 << 20;
/** Page of a list where the client asks for none, and the longest there is. Spec: Image API v2, "limit". */
export const DEFAULT_LIMIT = 25;
export const MOST_LIMIT = 1000;

export const MOST_PROPERTIES = 128;
export const MOST_TAGS = 128;
export const MOST_MEMBERS = 128;
/** Characters of a name, a tag or a property's name. */
export const MOST_NAME_LENGTH = 255;
/** Characters of one property's value. */
export const MOST_VALUE_LENGTH = 65_535;
/** All free properties of one image together, as JSON, in bytes: with tags, members and segments they must fit a batch of the store. */
export const MOST_PROPERTIES_BYTES = 128 << 10;
/** Operations in one JSON patch. */
export const MOST_PATCH_OPERATIONS = 512;

/** What is read and thrown away of an upload that was refused, so that its client gets to read why. */
export const MOST_DRAINED_BYTES = 1 << 30;
/** An upload or download that moves no byte for so long is given up. */
export const IDLE_TIMEOUT_MS = 300_000;

/** Bytes gathered for one write to a file, and read at once from one. */
export const FILE_BLOCK_BYTES = 1 << 20;
/** S3's smallest part, the last one excepted. */
export const LEAST_S3_PART_BYTES = 5 << 20;
/** Parts after which the part size grows by one step, so that 10,000 parts are enough for 880 times the part size. */
export const S3_PARTS_PER_STEP = 1000;
/** Digits of a segment's number in its object name. */
export const SEGMENT_DIGITS = 5;
/** Segments of one image: its record lists them, and must fit a batch of the store. Enough for 1 TiB at 200 MiB each. */
export const MOST_SEGMENTS = 6_000;

/** Wait for the first byte of a store's answer, and between its bytes. */
export const STORE_TIMEOUT_MS = 60_000;
/** Pause between attempts to finish deletions and discards that a store refused. */
export const FIRST_RETRY_MS = 250;
export const LAST_RETRY_MS = 60_000;
