/**
 * On a write that comes from another cluster: the timestamp that the version has there. Only container sync sets it, and it is no header of
 * answers: what a feature makes a write of, out of what it has read, never has it.
 */
export const SYNC_TIMESTAMP = 'x-backend-sync-timestamp';
