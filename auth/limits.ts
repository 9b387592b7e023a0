/** Largest request body, in bytes; Keystone's own bound. */
export const MOST_BODY_BYTES = 114_688;
/** Longest name of a domain, project, group or region, in characters. */
export const MOST_SHORT_NAME = 64;
/** Longest name of a user, role or service, and longest id, in characters. */
export const MOST_LONG_NAME = 255;
/** Longest password, in characters. */
export const MOST_PASSWORD_LENGTH = 4096;
/** Logins that may wait for the one password hash that runs; more are answered 503. */
export const MOST_WAITING_HASHES = 64;
/** Longest page of a list where the client asks for pages; who asks for none gets all of it, as from Keystone. */
export const MOST_PAGE_LENGTH = 10_000;
/** Records that a list reads at a time, and how long it works on them before others get their turn. */
export const LIST_PAGE_ENTRIES = 200;
export const LIST_SLICE_MS = 2;
/** A list is sent in pieces of about this many characters. */
export const LIST_CHUNK_LENGTH = 32_768;
/** Attributes beside the known ones that a user, project, … may carry. */
export const MOST_EXTRA_ATTRIBUTES = 64;
/** Tags of one project, and the longest of them in characters. */
export const MOST_PROJECT_TAGS = 80;
export const MOST_TAG_LENGTH = 255;
/** Levels of projects below a domain. */
export const MOST_PROJECT_DEPTH = 5;
/** Longest path of implied roles that is followed; cycles end by themselves. */
export const MOST_IMPLIED_ROLES = 100;
/** Longest chain of delegations that were made with delegations. */
export const MOST_DELEGATIONS_DEEP = 5;
/** Tokens whose meaning is remembered until something changes. */
export const MOST_TOKEN_STATES = 10_000;
/** Application credentials, trusts, access rules and credentials of one user. */
export const MOST_OWNED_RECORDS = 1_000;
/** Access rules of one application credential, and the longest path of one in characters. */
export const MOST_ACCESS_RULES = 100;
export const MOST_RULE_PATH = 512;
/** How far the clock of who signs with an EC2 key may be off. Spec: Keystone, `[credential] auth_ttl`. */
export const SIGNATURE_SKEW_MS = 900_000;
/** How long a signed URL may be good for. Spec: Amazon S3, `X-Amz-Expires`. */
export const SIGNED_URL_MS = 604_800_000;
/** Longest blob of a credential, in characters. */
export const MOST_BLOB_LENGTH = 65_536;
/** Callers whose failed logins are counted at a time. */
export const MOST_COUNTED_CALLERS = 10_000;
/** How many times as many failures one address may have as one user from it. */
export const ADDRESS_FACTOR = 10;
/** How often a change that lost a race is decided again. */
export const MOST_ATTEMPTS = 20;
/** Fernet key files that are read; the configuration allows fewer. */
export const MOST_FERNET_KEYS = 64;
/** An unknown token makes the key repository be read again, at most this often. */
export const FERNET_RELOAD_MS = 1_000;
/** How often the key repository is read for a rotation. */
export const KEYS_REREAD_MS = 10_000;
/** How often revocations of tokens that have ended anyway are dropped. */
export const REVOCATION_SWEEP_MS = 3_600_000;
