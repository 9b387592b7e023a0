/** Longest token that is looked at, in characters; ours are below 255. */
export const MOST_TOKEN_LENGTH = 4096;
/** Verified identities kept by one thread. */
export const MOST_CACHED_IDENTITIES = 10_000;
/** Refused tokens kept by one thread: apart, so that a flood of made-up tokens evicts no good one. */
export const MOST_CACHED_REFUSALS = 1_000;
/** How long a refusal is remembered. */
export const REFUSAL_TTL_MS = 2_000;
/** What access keys sign with, kept by one thread: one entry a key, day and region. */
export const MOST_CACHED_SIGNERS = 10_000;
/** Longest access key, and longest scope of a signature, that is looked at, in characters. */
export const MOST_ACCESS_KEY_LENGTH = 255;
