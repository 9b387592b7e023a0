// A hook (`node --import`) that takes flushes away from a program's own files: what the power-cut test must notice.
// NO_FLUSH names which: O_DSYNC (files opened so that a write flushes) or fsync (calls that flush). LevelDB's own flushes
// are native code and stay.
import fs from 'node:fs';
import { syncBuiltinESMExports } from 'node:module';

const SYNCED = fs.constants.O_SYNC | fs.constants.O_DSYNC;

async function withoutFsync() {
  const later = (_, done) => setImmediate(done, null);
  const now = () => undefined;
  Object.assign(fs, { fsync: later, fdatasync: later, fsyncSync: now, fdatasyncSync: now });
  const handle = await fs.promises.open('/dev/null');
  const prototype = Object.getPrototypeOf(handle);
  await handle.close();
  prototype.sync = async () => undefined;
  prototype.datasync = async () => undefined;
}

function withoutDsync() {
  const unsynced = (flags) => (typeof flags === 'number' ? flags & ~SYNCED : flags);
  const wrap =
    (open) =>
    (path, flags, ...rest) =>
      open(path, unsynced(flags), ...rest);
  Object.assign(fs, { open: wrap(fs.open), openSync: wrap(fs.openSync) });
  fs.promises.open = wrap(fs.promises.open);
}

if (process.env.NO_FLUSH === 'fsync') await withoutFsync();
else withoutDsync();
syncBuiltinESMExports();
