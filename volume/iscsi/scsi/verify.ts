import { assertNoProtection, parseTransfer } from './cdb.ts';
import { BLOCK_BYTES, type Handler } from './command.ts';
import { piecesOf, readMedium } from './medium.ts';
import { checkCondition, SENSE } from './sense.ts';

/**
 * VERIFY (10), (12), (16). BYTCHK 0 reads the blocks, 1 compares them with data-out, 3 compares each with one block of data-out.
 * Spec: SBC-3, 5.29 to 5.31
 */
export const verify: Handler = async (command) => {
  const { cdb, lun, transfer, signal } = command;
  assertNoProtection(cdb);
  const byteCheck = (cdb.readUInt8(1) >>> 1) & 3;
  if (byteCheck === 2) throw checkCondition(SENSE.invalidFieldInCdb);
  const range = parseTransfer(cdb, lun);
  if (range.lengthBlocks === 0) return undefined;
  const wanted = byteCheck === 0 ? 0 : byteCheck === 1 ? range.lengthBytes : BLOCK_BYTES;
  const expected = wanted === 0 ? undefined : Buffer.concat(await transfer.receive(wanted));
  for (const [offsetBytes, bytes] of piecesOf(range)) {
    if (signal.aborted) return undefined;
    const found = await readMedium(command, offsetBytes, bytes);
    if (expected === undefined) continue;
    const at = offsetBytes - range.offsetBytes;
    const same = byteCheck === 1 ? startsWith(found, expected.subarray(at, at + bytes)) : repeats(found, expected);
    if (!same) throw checkCondition(SENSE.miscompare);
  }
  return undefined;
};

/** Data-out that is shorter than the range is compared as far as it goes. */
function startsWith(found: Buffer, expected: Buffer): boolean {
  return found.subarray(0, expected.length).equals(expected);
}

function repeats(found: Buffer, block: Buffer): boolean {
  for (let at = 0; at < found.length; at += BLOCK_BYTES)
    if (!found.subarray(at, at + block.length).equals(block)) return false;
  return true;
}
