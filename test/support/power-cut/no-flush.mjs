// A hook (`node --import`) that takes every flush away from a program's own files: what the power-cut test must notice.
// LevelDB's own flushes are native code and stay.
import fs from 'node:fs';
import { syncBuiltinESMExports } from 'node:module';

const SYNCED = fs.constants.O_SYNC | fs.constants.O_DSYNC;

const unsynced = (flags) => (typeof flags === 'number' ? flags & ~SYNCED : flags);
const later = (_, done) => setImmediate(done, null);
const wrapOpen =
  (open) =>
  (path, flags, ...rest) =>
    open(path, unsynced(flags), ...rest);

Object.assign(fs, {
  fsync: later,
  fdatasync: later,
  fsyncSync: () => undefined,
  fdatasyncSync: () => undefined,
  open: wrapOpen(fs.open),
  openSync: wrapOpen(fs.openSync),
});

const openHandle = fs.promises.open;
const handle = await openHandle('/dev/null');
const prototype = Object.getPrototypeOf(handle);
await handle.close();
prototype.sync = async () => undefined;
prototype.datasync = async () => undefined;
fs.promises.open = wrapOpen(openHandle);
syncBuiltinESMExports();
