import { MAX_PARAMETER_LIST_BYTES, MAX_UNMAP_BLOCKS, MAX_UNMAP_DESCRIPTORS } from '../limits.ts';
import { toRange } from './cdb.ts';
import type { Handler } from './command.ts';
import { zeroMedium } from './medium.ts';
import { checkCondition, SENSE } from './sense.ts';

/**
 * UNMAP: the ranges read as zeros afterwards (LBPRZ), and cost no space where the backing can give it back.
 * Spec: SBC-3, 5.28
 */
export const unmap: Handler = async (command) => {
  const { cdb, lun, transfer, signal } = command;
  if ((cdb.readUInt8(1) & 0x01) !== 0) throw checkCondition(SENSE.invalidFieldInCdb); // ANCHOR
  const listBytes = cdb.readUInt16BE(7);
  if (listBytes === 0) return undefined;
  if (listBytes < 8) throw checkCondition(SENSE.parameterListLengthError);
  if (listBytes > MAX_PARAMETER_LIST_BYTES) throw checkCondition(SENSE.invalidFieldInCdb);
  const list = Buffer.concat(await transfer.receive(listBytes));
  if (list.length < 8) throw checkCondition(SENSE.parameterListLengthError);

  const described = Math.min(list.readUInt16BE(2), list.length - 8);
  const descriptors = Math.floor(described / 16);
  if (descriptors > MAX_UNMAP_DESCRIPTORS) throw checkCondition(SENSE.invalidFieldInParameterList);
  const found: { lba: bigint; blocks: number }[] = [];
  for (let index = 0; index < descriptors; index += 1) {
    const at = 8 + 16 * index;
    found.push({ lba: list.readBigUInt64BE(at), blocks: list.readUInt32BE(at + 8) });
  }
  // All are checked before the first is touched.
  if (found.reduce((sum, { blocks }) => sum + blocks, 0) > MAX_UNMAP_BLOCKS)
    throw checkCondition(SENSE.invalidFieldInParameterList);
  for (const { lba, blocks } of found) toRange(lba, blocks, lun);
  for (const { lba, blocks } of merge(found)) {
    if (signal.aborted) break;
    await zeroMedium(command, toRange(lba, blocks, lun));
  }
  return undefined;
};

/** Joins neighbours: each range may cost the start of a program. */
function merge(ranges: { lba: bigint; blocks: number }[]): { lba: bigint; blocks: number }[] {
  const merged: { lba: bigint; blocks: number }[] = [];
  for (const range of ranges) {
    const last = merged.at(-1);
    if (last !== undefined && last.lba + BigInt(last.blocks) === range.lba) last.blocks += range.blocks;
    else if (range.blocks > 0) merged.push({ ...range });
  }
  return merged;
}
