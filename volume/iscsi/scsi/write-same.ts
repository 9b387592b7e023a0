import { MAX_WRITE_SAME_BLOCKS } from '../limits.ts';
import { assertNoProtection, cdbLength, parseRange } from './cdb.ts';
import { BLOCK_BYTES, type Command, type Handler } from './command.ts';
import { writeMedium, zeroMedium } from './medium.ts';
import { checkCondition, SENSE } from './sense.ts';

/** How much of a repeated block is written at once. */
const PATTERN_BYTES = 256 * 1024;

/**
 * WRITE SAME (10), (16): one block over a range. With UNMAP, a block of zeros gives the space back; with NDOB, zeros are meant and
 * no block is sent. A length of 0 ("to the end") is refused, as the Block Limits page says (WSNZ).
 * Spec: SBC-3, 5.39 and 5.40
 */
export const writeSame: Handler = async (command) => {
  const { cdb, lun, transfer } = command;
  assertNoProtection(cdb);
  const flags = cdb.readUInt8(1);
  const unmap = (flags & 0x08) !== 0;
  const anchor = (flags & 0x10) !== 0;
  const noDataOut = cdbLength(cdb.readUInt8(0)) === 16 && (flags & 0x01) !== 0;
  if (anchor) throw checkCondition(SENSE.invalidFieldInCdb);
  const range = parseRange(cdb, lun);
  if (range.lengthBlocks === 0 || range.lengthBlocks > MAX_WRITE_SAME_BLOCKS)
    throw checkCondition(SENSE.invalidFieldInCdb);
  if (!noDataOut && transfer.expectedOutBytes !== BLOCK_BYTES) throw checkCondition(SENSE.invalidFieldInCdb);
  const block = noDataOut ? Buffer.alloc(BLOCK_BYTES) : Buffer.concat(await transfer.receive(BLOCK_BYTES));
  const isZero = block.every((byte) => byte === 0);
  if (isZero && (unmap || noDataOut)) await zeroMedium(command, range);
  else await repeat(command, block, range);
  return undefined;
};

async function repeat(
  command: Command,
  block: Buffer,
  { offsetBytes, lengthBytes }: { offsetBytes: number; lengthBytes: number },
): Promise<void> {
  const pattern = Buffer.alloc(Math.min(PATTERN_BYTES, lengthBytes), block);
  for (let at = 0; at < lengthBytes && !command.signal.aborted; at += pattern.length) {
    const piece = pattern.subarray(0, Math.min(pattern.length, lengthBytes - at));
    await writeMedium(command, { offsetBytes: offsetBytes + at, pieces: [piece], fua: false });
  }
}
