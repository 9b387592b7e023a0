import { assertNoProtection, cdbLength, parseTransfer } from './cdb.ts';
import type { Handler } from './command.ts';
import { piecesOf, readMedium } from './medium.ts';

/**
 * READ (6), (10), (12), (16): streams the blocks in pieces. FUA asks nothing of us: reads see every write that was acknowledged.
 * Spec: SBC-3, 5.10 to 5.13
 */
export const read: Handler = async (command) => {
  const { cdb, lun, transfer, signal } = command;
  if (cdbLength(cdb.readUInt8(0)) !== 6) assertNoProtection(cdb);
  let last: Buffer | undefined;
  for (const [offsetBytes, bytes] of piecesOf(parseTransfer(cdb, lun))) {
    if (last !== undefined) await transfer.send(last);
    if (signal.aborted) return undefined;
    last = await readMedium(command, offsetBytes, bytes);
  }
  return last;
};
