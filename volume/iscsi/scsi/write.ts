import { assertNoProtection, cdbLength, hasFua, parseTransfer } from './cdb.ts';
import { BLOCK_BYTES, type Handler } from './command.ts';
import { flushMedium, readMedium, writeMedium } from './medium.ts';
import { checkCondition, SENSE } from './sense.ts';

/**
 * WRITE (6), (10), (12), (16). Acknowledged after the bytes are with the kernel; with FUA, after fdatasync.
 * Spec: SBC-3, 5.32 to 5.35
 */
export const write: Handler = async (command) => {
  const { cdb, lun, transfer } = command;
  if (cdbLength(cdb.readUInt8(0)) !== 6) assertNoProtection(cdb);
  const { offsetBytes, lengthBytes } = parseTransfer(cdb, lun);
  const pieces = wholeBlocks(await transfer.receive(lengthBytes));
  await writeMedium(command, { offsetBytes, pieces, fua: hasFua(cdb) });
  return undefined;
};

/**
 * WRITE AND VERIFY (10), (12), (16): durable before it is read back; the data is compared whatever BYTCHK says.
 * Spec: SBC-3, 5.36 to 5.38
 */
export const writeAndVerify: Handler = async (command) => {
  const { cdb, lun, transfer } = command;
  assertNoProtection(cdb);
  const { offsetBytes, lengthBytes } = parseTransfer(cdb, lun);
  const data = Buffer.concat(wholeBlocks(await transfer.receive(lengthBytes)));
  await writeMedium(command, { offsetBytes, pieces: [data], fua: false });
  await flushMedium(command);
  const written = await readMedium(command, offsetBytes, data.length);
  if (!written.equals(data)) throw checkCondition(SENSE.miscompare);
  return undefined;
};

/** An initiator may send less than the CDB says; a part of a block is not written. */
function wholeBlocks(pieces: Buffer[]): Buffer[] {
  const lengthBytes = pieces.reduce((sum, piece) => sum + piece.length, 0);
  const excess = lengthBytes % BLOCK_BYTES;
  return excess === 0 ? pieces : [Buffer.concat(pieces).subarray(0, lengthBytes - excess)];
}
