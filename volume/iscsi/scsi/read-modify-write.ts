import { MAX_COMPARE_AND_WRITE_BLOCKS } from '../limits.ts';
import { assertNoProtection, type BlockRange, hasFua, parseTransfer, toRange } from './cdb.ts';
import { BLOCK_BYTES, type Command, type Handler } from './command.ts';
import { flushMedium, onMedium } from './medium.ts';
import { checkCondition, SENSE } from './sense.ts';

/** ORWRITE (16): what is there OR what is sent. Spec: SBC-3, 5.7 */
export const orWrite: Handler = async (command) => {
  const { cdb, lun, transfer } = command;
  assertNoProtection(cdb);
  const range = parseTransfer(cdb, lun);
  const sent = Buffer.concat(await transfer.receive(range.lengthBytes));
  await changeAtOnce(command, range, (found) => {
    const merged = found.subarray(0, sent.length - (sent.length % BLOCK_BYTES));
    for (let at = 0; at < merged.length; at += 1) merged[at] = (merged[at] ?? 0) | (sent[at] ?? 0);
    return merged;
  });
  return undefined;
};

/**
 * COMPARE AND WRITE: the second half of the data is written if the first half is what is there; else MISCOMPARE with
 * the offset of the first difference. An
 * initiator that means to send any other amount than both halves is refused. Spec: SBC-3, 5.2
 */
export const compareAndWrite: Handler = async (command) => {
  const { cdb, lun, transfer } = command;
  assertNoProtection(cdb);
  const blocks = cdb.readUInt8(13);
  if (blocks > MAX_COMPARE_AND_WRITE_BLOCKS) throw checkCondition(SENSE.invalidFieldInCdb);
  const range = toRange(cdb.readBigUInt64BE(2), blocks, lun);
  if (transfer.expectedOutBytes !== 2 * range.lengthBytes) throw checkCondition(SENSE.invalidFieldInCdb);
  const sent = Buffer.concat(await transfer.receive(2 * range.lengthBytes));
  const expected = sent.subarray(0, range.lengthBytes);
  await changeAtOnce(command, range, (found) => {
    if (!found.equals(expected))
      throw checkCondition({ ...SENSE.miscompare, information: found.findIndex((byte, at) => byte !== expected[at]) });
    return sent.subarray(range.lengthBytes);
  });
  return undefined;
};

/** Reads, decides and writes while no other command writes to the range. */
async function changeAtOnce(
  command: Command,
  { offsetBytes, lengthBytes }: BlockRange,
  change: (found: Buffer) => Buffer,
): Promise<void> {
  const { backing, ranges } = command.lun.unit;
  if (lengthBytes === 0) return;
  await ranges.run({ from: offsetBytes, to: offsetBytes + lengthBytes, exclusive: true }, () =>
    onMedium(async () => backing.write(offsetBytes, [change(await backing.read(offsetBytes, lengthBytes))])),
  );
  if (hasFua(command.cdb)) await flushMedium(command);
}
