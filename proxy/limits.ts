/** Bounds that clients can meet are Swift's defaults and stand in /info. Spec: Swift, "Deployment Guide": swift-constraints. */

export const MOST_ACCOUNT_NAME_BYTES = 256;
export const MOST_CONTAINER_NAME_BYTES = 256;
export const MOST_OBJECT_NAME_BYTES = 1024;

export const MOST_HEADER_BYTES = 8192;
export const MOST_META_NAME_BYTES = 128;
export const MOST_META_VALUE_BYTES = 256;
export const MOST_META_COUNT = 90;
export const MOST_META_OVERALL_BYTES = 4096;

/** Rows of one page of a listing. */
export const MOST_LISTING_ROWS = 10_000;

/** The request line with all headers: 90 metadata items, tokens and a path of 1.5 KiB that is percent-encoded threefold. */
export const MOST_HEAD_BYTES = 64 << 10;

/** Beyond these a Range header counts as unsatisfiable. Spec: RFC 7233, 6.1. */
export const MOST_RANGES = 50;
export const MOST_RANGE_OVERLAPS = 2;
export const MOST_UNORDERED_RANGES = 8;

/** How far above our own clock a replica's newer version may pull the timestamp of a write, seconds. */
export const MOST_CLOCK_SKEW_SECONDS = 60;
/** How often a write is tried again above a newer version that is already there. */
export const MOST_TIMESTAMP_RETRIES = 3;

/** Devices asked per replica: the primaries and as many handoffs. */
export const REQUEST_NODES_PER_REPLICA = 2;

/** What is read of a body that nobody wants, so that the client can read the answer on the same connection. */
export const MOST_DRAINED_BYTES = 64 << 20;
export const MOST_DRAIN_MS = 5_000;
/** A refused body up to this is read in passing and the connection lives on. */
export const SMALL_UNREAD_BODY_BYTES = 64 << 10;

export const MOST_MANIFEST_SEGMENTS = 1000;
/** The same of what an S3 client uploads in parts. Spec: Amazon S3, "Amazon S3 multipart upload limits". */
export const MOST_UPLOAD_PARTS = 10_000;
export const MOST_MANIFEST_BYTES = 8 << 20;
/** Manifests inside manifests. */
export const MOST_MANIFEST_DEPTH = 10;
/** Manifests whose segments wait to be deleted. */
export const MOST_BUFFERED_SEGMENTS = MOST_MANIFEST_SEGMENTS * 10;

/** Links that lead from one to the next. */
export const MOST_SYMLINK_HOPS = 2;

/** The expirer's part of the machine: objects at a time, and what it holds in memory. */
export const EXPIRER_CONCURRENCY = 4;
export const EXPIRER_ROWS_PER_PAGE = 1_000;
export const EXPIRER_CONTAINERS_PER_PAGE = 1_000;
/** Notes that go to a listing at once. */
export const MOST_ROWS_PER_NOTE = 100;
/** Nodes whose daemons share the work; intervals after which one that says nothing is dead, and when its note goes. */
export const MOST_DUTY_NODES = 1_000;
export const DUTY_BEATS_MISSED = 4;
export const DUTY_FORGOTTEN_MS = 86_400_000;

/** Realms of one file. */
export const MOST_SYNC_REALMS = 1_000;
/** What container sync takes of the machine: objects at a time, and what it holds in memory. */
export const SYNC_CONCURRENCY = 4;
export const SYNC_ROWS_PER_PAGE = 1_000;
export const SYNC_CONTAINERS_PER_PAGE = 1_000;
/** Objects whose last pushed version is remembered: they are not asked about again. */
export const MOST_REMEMBERED_PUSHES = 10_000;
/** Of one request to another cluster: until it is connected, and while nothing moves. */
export const SYNC_CONNECT_TIMEOUT_MS = 5_000;
export const SYNC_IDLE_TIMEOUT_MS = 60_000;
/** Containers whose other side has failed, and how long one is left alone at most. */
export const MOST_SYNC_BACKOFFS = 10_000;
export const MOST_SYNC_BACKOFF_MS = 3_600_000;
/** How long a note of a write waits for the write, which may be a long upload, and how far back a second walk looks. */
export const SYNC_NOTE_GRACE_SECONDS = 86_400;

export const MOST_BULK_DELETES = 10_000;
export const MOST_FAILED_DELETES = 1_000;
/** Objects up to this may stand for folders of a web site. */
export const MOST_FOLDER_BYTES = 1;

/** A value of an upload form; the rest of a longer one is not looked at. */
export const MOST_FORM_VALUE_BYTES = 4096;
/** Headers of one part of an upload form. */
export const MOST_FORM_HEADER_BYTES = 16 << 10;
export const MOST_FORM_FIELDS = 256;

/** Containers that one archive may make, and files of it that may fail. */
export const MOST_EXTRACTED_CONTAINERS = 10_000;
export const MOST_FAILED_EXTRACTIONS = 1_000;
/** Sub-requests of one bulk or manifest request that run at a time. */
export const SUBREQUEST_CONCURRENCY = 4;
/** A long bulk answer sends a blank this often, so that nobody takes the connection for dead. */
export const HEARTBEAT_MS = 10_000;

/** Body of a request to what is not the object API; none of it wants one. */
export const MOST_PLAIN_BODY_BYTES = 64 << 10;

/** Lost fragments that wait to be made again. */
export const MOST_WAITING_REPAIRS = 1_000;

/** What the reconstructor takes of the machine: fragments at a time, what it holds in memory, and bodies to which nothing points. */
export const RECONSTRUCTOR_CONCURRENCY = 4;
export const FRAGMENTS_PER_PAGE = 256;
export const MOST_LEFT_OVER_CANDIDATES = 100_000;
/** From when it is first seen that nothing points to a body until its fragments go, in times that one replica may take for one step. */
export const LEFT_OVER_SETTLING_TIMEOUTS = 60;

/** Containers that one thread remembers, and names that are known to be none. */
export const MOST_KNOWN_CONTAINERS = 10_000;
export const MOST_ABSENT_CONTAINERS = 1_000;

/** Accounts that one thread remembers. */
export const MOST_KNOWN_ACCOUNTS = 1_000;

/** How long the number of a container's objects is remembered where limits go by it, milliseconds: Swift's takes a minute. */
export const CONTAINER_SIZE_MS = 10_000;

/** Names whose rates are kept apart in the shared memory: 1 MiB of it. */
export const MOST_RATE_KEYS = 65_536;
/** Places where a name's rate may be. */
export const RATE_PROBES = 8;
/** Requests of one thread that wait for their turn; more are refused. */
export const MOST_RATE_LIMITED_WAITERS = 1_000;
/** Who is refused for what they are, waits: trying again at once shall cost them more than us. */
export const REFUSED_ACCOUNT_DELAY_MS = 1_000;

/** Names that one thread remembers as aliases, or as none, and for how long. */
export const MOST_KNOWN_CNAMES = 1_000;
export const CNAME_TTL_MS = 60_000;
/** Of one question to one name server. */
export const CNAME_TIMEOUT_MS = 2_000;
export const MOST_CNAME_LOOKUPS = 100;

/** Longer bodies are hashed by another thread; this much takes a third of a millisecond. */
export const MOST_HASHED_HERE_BYTES = 256 << 10;

/** Lines of the access log are gathered for so long, or until they are so many bytes. */
export const LOG_FLUSH_MS = 1_000;
export const LOG_FLUSH_BYTES = 64 << 10;
/** What waits to be written to the access log, in one thread; lines beyond it are lost. */
export const MOST_WAITING_LOG_BYTES = 4 << 20;
/** Of a token or a signature in the access log. Spec: Swift, `reveal_sensitive_prefix`: its default. */
export const MOST_REVEALED_CHARACTERS = 16;
