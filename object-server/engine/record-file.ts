import { join } from 'node:path';
import { systemErrorCode } from '../../common/errors.ts';
import { xxh64 } from '../../common/xxh64.ts';
import type { Disk } from '../disk/contract.ts';

/** Small files of a device that are replaced as a whole: magic, length, checksum, JSON. Spec: docs/formats/object-device.md */
const MAGIC = Buffer.from('MARTLETN');
const HEAD_BYTES = 24;
const MOST_BYTES = 16 << 20;

/** Replaces the file: a crash leaves the former one, or the new one; both are whole. */
export async function saveRecord(disk: Disk, folder: string, name: string, value: unknown): Promise<void> {
  const body = Buffer.from(JSON.stringify(value));
  const head = Buffer.alloc(HEAD_BYTES);
  MAGIC.copy(head);
  head.writeBigUInt64BE(BigInt(body.length), 8);
  head.writeBigUInt64BE(xxh64(body), 16);
  const temporary = join(folder, `${name}.new`);
  const file = await disk.open(temporary, { write: true, create: true });
  try {
    await file.truncate(0);
    await file.write([head, body], 0);
    await file.sync();
  } finally {
    await file.close();
  }
  await disk.rename(temporary, join(folder, name));
  await disk.syncFolder(folder);
}

/** @returns undefined where there is no such file, or it is not what was saved. */
export async function loadRecord(disk: Disk, folder: string, name: string): Promise<unknown> {
  const bytes = await readWhole(disk, join(folder, name));
  if (bytes === undefined || bytes.length < HEAD_BYTES || !bytes.subarray(0, 8).equals(MAGIC)) return undefined;
  const body = bytes.subarray(HEAD_BYTES);
  if (bytes.readBigUInt64BE(8) !== BigInt(body.length) || bytes.readBigUInt64BE(16) !== xxh64(body)) return undefined;
  return JSON.parse(body.toString());
}

async function readWhole(disk: Disk, path: string): Promise<Buffer | undefined> {
  try {
    const file = await disk.open(path, {});
    try {
      const bytes = Buffer.alloc(Math.min(await file.sizeBytes(), MOST_BYTES));
      return bytes.subarray(0, await file.read(bytes, 0));
    } finally {
      await file.close();
    }
  } catch (error) {
    if (systemErrorCode(error) === 'ENOENT') return undefined;
    throw error;
  }
}
