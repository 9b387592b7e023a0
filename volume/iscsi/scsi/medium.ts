import { systemErrorCode } from '../../../common/errors.ts';
import { BackingFailedError } from '../backing/extent-file.ts';
import { READ_PIECE_BYTES } from '../limits.ts';
import type { BlockRange } from './cdb.ts';
import type { Command } from './command.ts';
import { checkCondition, ScsiError, SENSE } from './sense.ts';

/** Reads from the backing; what fails there becomes sense data. */
export async function readMedium({ lun }: Command, offsetBytes: number, lengthBytes: number): Promise<Buffer> {
  try {
    return await lun.unit.backing.read(offsetBytes, lengthBytes);
  } catch (cause) {
    throw asSense(cause, 'read');
  }
}

/** Writes to the backing, once no command that reads and decides holds the range; with `fua`, durably. */
export async function writeMedium(
  command: Command,
  { offsetBytes, pieces, fua }: { offsetBytes: number; pieces: readonly Buffer[]; fua: boolean },
): Promise<void> {
  const { backing, ranges } = command.lun.unit;
  const lengthBytes = pieces.reduce((sum, piece) => sum + piece.length, 0);
  await ranges.run({ from: offsetBytes, to: offsetBytes + lengthBytes, exclusive: false }, () =>
    onMedium(() => backing.write(offsetBytes, pieces)),
  );
  if (fua) await flushMedium(command);
}

/** Makes everything that was written before durable. */
export function flushMedium({ lun }: Command): Promise<void> {
  return onMedium(() => lun.unit.backing.flush());
}

/** Zeros a range, giving its space back where that is possible. */
export async function zeroMedium({ lun }: Command, { offsetBytes, lengthBytes }: BlockRange): Promise<void> {
  const { backing, ranges } = lun.unit;
  await ranges.run({ from: offsetBytes, to: offsetBytes + lengthBytes, exclusive: false }, () =>
    onMedium(() => backing.zero(offsetBytes, lengthBytes)),
  );
}

/** Runs a write or flush of the backing; what fails there becomes sense data. */
export async function onMedium<T>(work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (cause) {
    throw asSense(cause, 'write');
  }
}

/** The pieces, by offset and length, in which a range is read. */
export function* piecesOf({ offsetBytes, lengthBytes }: BlockRange): Generator<[offsetBytes: number, bytes: number]> {
  for (let at = 0; at < lengthBytes; at += READ_PIECE_BYTES)
    yield [offsetBytes + at, Math.min(READ_PIECE_BYTES, lengthBytes - at)];
}

function asSense(cause: unknown, access: 'read' | 'write'): ScsiError {
  if (cause instanceof ScsiError) return cause;
  if (cause instanceof BackingFailedError) return checkCondition(SENSE.internalTargetFailure, cause);
  switch (systemErrorCode(cause)) {
    case 'ENOSPC':
    case 'EDQUOT':
      return checkCondition(SENSE.spaceAllocationFailed, cause);
    case 'EBADF': // opened for reading only
      return checkCondition(SENSE.writeProtected, cause);
    default:
      return checkCondition(access === 'read' ? SENSE.unrecoveredReadError : SENSE.writeError, cause);
  }
}
