import { systemErrorCode } from '../../common/errors.ts';
import { CorruptLargeFileError } from '../large/format.ts';
import { CorruptNeedleError } from '../slab/corrupt-needle.ts';

/** Bytes that were read and are not what was written, or whose file is gone: reading them again changes nothing. */
export function isDamage(error: unknown): boolean {
  return (
    error instanceof CorruptNeedleError || error instanceof CorruptLargeFileError || systemErrorCode(error) === 'ENOENT' // the file that something points to
  );
}

/**
 * The disk does not give the bytes back now: a path that failed over, a cable, a sector that is gone. What they are nobody knows, so
 * nobody gives them up for it; whoever asked hears of the failure, and asks another replica.
 */
export function isUnreadable(error: unknown): boolean {
  return systemErrorCode(error) === 'EIO';
}
