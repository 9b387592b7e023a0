import { type Static, Type } from '@sinclair/typebox';
import { Value } from '@sinclair/typebox/value';
import type { Disk } from '../disk/contract.ts';
import { loadRecord, saveRecord } from './record-file.ts';

const FILE = 'layout';
const VERSION = 2;
/** A folder that the first layout had; nothing else of it can be told from a folder that somebody else uses. */
const OF_FIRST_LAYOUT = 'quarantined';

const layout = Type.Object({
  version: Type.Integer(),
  /** Keys the hashes of names in the index, hex. */
  nameKey: Type.String({ pattern: '^([0-9a-f]{2}){8,64}$' }),
});

export type DeviceLayout = Static<typeof layout>;

/**
 * What a device's folder is laid out for; written when it is first used.
 *
 * @param newNameKey makes the key of a new device, hex.
 * @throws Error, in one clear line, for a layout of another version.
 */
export async function prepareLayout(disk: Disk, folder: string, newNameKey: () => string): Promise<DeviceLayout> {
  await disk.space(folder); // throws where the device's own folder is not there: a disk that is not mounted is not written below
  const found = await loadLayout(disk, folder);
  if (found !== undefined) return found;
  const names = await disk.list(folder);
  if (names.includes(FILE)) throw new Error(`${folder}/${FILE} is damaged: restore it, or wipe the device`);
  if (names.includes(OF_FIRST_LAYOUT))
    throw new Error(`${folder} was written by an older Martlet, whose objects this one cannot read: wipe the device`);
  const made = { version: VERSION, nameKey: newNameKey() };
  await saveRecord(disk, folder, FILE, made);
  return made;
}

/** @returns undefined where there is none. @throws Error for one of another version. */
export async function loadLayout(disk: Disk, folder: string): Promise<DeviceLayout | undefined> {
  const record = await loadRecord(disk, folder, FILE);
  if (record === undefined) return undefined;
  const found = Value.Decode(layout, record);
  if (found.version !== VERSION)
    throw new Error(`${folder} has layout version ${found.version}; this Martlet knows ${VERSION}`);
  return found;
}
