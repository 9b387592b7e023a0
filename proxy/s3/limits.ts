import { MOST_UPLOAD_PARTS } from '../limits.ts';

/** Spec: Amazon S3, "Amazon S3 multipart upload limits" and the API reference of each operation. */

/** How far a signer's clock may be off, and how long a signed URL may be good for. */
export const SKEW_MS = 900_000;
export const MOST_SIGNED_URL_SECONDS = 604_800;

/** Buckets of one page. */
export const MOST_BUCKETS_LISTED = 10_000;
/** Rows of one page of any other listing. */
export const MOST_LISTED = 1000;
/** Keys of one DeleteObjects. */
export const MOST_DELETED = 1000;

export const MOST_PART_NUMBER = MOST_UPLOAD_PARTS;

/** XML: of most requests, and of those that name many keys or parts, bytes. */
export const MOST_XML_BYTES = 64 << 10;
export const MOST_LONG_XML_BYTES = 4 << 20;
/** Elements inside elements; the deepest document has six. */
export const MOST_XML_DEPTH = 16;

/** A line of an aws-chunked body: a chunk's head or a trailer, bytes; and how many trailers it may have. */
export const MOST_CHUNK_LINE_BYTES = 8 << 10;
export const MOST_TRAILERS = 8;
/** One chunk, bytes. */
export const MOST_CHUNK_BYTES = 5 * 2 ** 30;

export const MOST_OBJECT_TAGS = 10;
export const MOST_BUCKET_TAGS = 50;
export const MOST_TAG_KEY = 128;
export const MOST_TAG_VALUE = 256;
/** Of tags or rules as they are stored in a header, bytes. */
export const MOST_STORED_SETTING_BYTES = 8 << 10;

export const MOST_CORS_RULES = 100;

/** Of a bucket's default. Spec: Amazon S3, PutObjectLockConfiguration. */
export const MOST_RETENTION_DAYS = 36_500;
export const MOST_RETENTION_YEARS = 100;

export const MOST_LIFECYCLE_RULES = 100;
export const MOST_RULE_ID = 255;
/** Days of a rule, and versions that one may keep. Spec: Amazon S3, "Lifecycle configuration elements". */
export const MOST_RULE_DAYS = 2 ** 31 - 1;
export const MOST_KEPT_VERSIONS = 100;
/** A walk through a bucket: rows of one page, and objects that it removes at a time. */
export const LIFECYCLE_PAGE_ROWS = 1000;
export const LIFECYCLE_CONCURRENCY = 4;

/** A bucket's policy: its text, bytes; objects and lists inside each other; statements. Spec: Amazon S3, "Bucket policies". */
export const MOST_POLICY_BYTES = 20 << 10;
export const MOST_POLICY_DEPTH = 8;
export const MOST_STATEMENTS = 256;
