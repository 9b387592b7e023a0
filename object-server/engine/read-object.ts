import { systemErrorCode } from '../../common/errors.ts';
import type { Logger } from '../../common/log.ts';
import type { ObjectState, ObjectTarget } from '../contract.ts';
import { corruptObject } from '../errors.ts';
import { MOST_LOOKUPS } from '../limits.ts';
import type { Device } from './device.ts';
import { type Fold, foldVersions } from './fold.ts';
import { CorruptFileError } from './object-file.ts';
import { folderOf, listVersions, type ObjectFolder, pathOf } from './object-folder.ts';
import { quarantineVersion } from './quarantine.ts';
import type { VersionName } from './version-name.ts';
import { VersionReader } from './version-reader.ts';

export interface FoundObject {
  fold: Fold;
  folder: ObjectFolder;
  /** Undefined where the fold is a tombstone, or nothing. The reader is the caller's to close. */
  data: { state: ObjectState; reader: VersionReader; version: VersionName } | undefined;
}

/**
 * Looks an object up and reads its state. A version that another thread cleans away meanwhile has been superseded: look again.
 *
 * @throws CorruptObject, after setting the damaged version aside.
 */
export async function readObject(device: Device, target: ObjectTarget, logger: Logger): Promise<FoundObject> {
  const folder = folderOf(device, target);
  for (let lookup = 1; ; lookup += 1) {
    const fold = foldVersions(await listVersions(device, folder));
    const { base } = fold;
    if (base?.kind !== 'data') return { fold, folder, data: undefined };
    try {
      return { fold, folder, data: { ...(await readData(device, target, folder, fold, base, logger)), version: base } };
    } catch (error) {
      if (systemErrorCode(error) !== 'ENOENT' || lookup >= MOST_LOOKUPS) throw error;
    }
  }
}

async function readData(
  device: Device,
  target: ObjectTarget,
  folder: ObjectFolder,
  fold: Fold,
  base: VersionName,
  logger: Logger,
): Promise<{ state: ObjectState; reader: VersionReader }> {
  const openVersion = (version: VersionName) => openOrQuarantine(device, target, folder, version, logger);
  const reader = await openVersion(base);
  try {
    const posted = fold.metadata && (await readRecord(openVersion, fold.metadata));
    const typed =
      fold.contentType === fold.metadata
        ? posted
        : fold.contentType && (await readRecord(openVersion, fold.contentType));
    const { record, sizeBytes } = reader;
    const state: ObjectState = {
      timestamp: posted?.timestamp ?? record.timestamp,
      dataTimestamp: record.timestamp,
      metadataTimestamp: posted?.timestamp ?? record.timestamp,
      contentType: typed?.contentType ?? record.contentType ?? '',
      contentTypeTimestamp: typed?.timestamp ?? record.timestamp,
      etag: record.etag,
      sizeBytes,
      fixedMetadata: record.fixedMetadata,
      metadata: posted?.metadata ?? record.metadata,
    };
    return { state, reader };
  } catch (error) {
    await reader.close();
    throw error;
  }
}

async function readRecord(openVersion: (version: VersionName) => Promise<VersionReader>, version: VersionName) {
  const reader = await openVersion(version);
  await reader.close();
  return reader.record;
}

async function openOrQuarantine(
  device: Device,
  target: ObjectTarget,
  folder: ObjectFolder,
  version: VersionName,
  logger: Logger,
): Promise<VersionReader> {
  try {
    const reader = await VersionReader.open(device, pathOf(folder, version));
    const { account, container, object, timestamp, kind } = reader.record;
    const isIt =
      account === target.account &&
      container === target.container &&
      object === target.object &&
      timestamp === version.timestamp &&
      kind === version.kind;
    if (isIt) return reader;
    await reader.close();
    throw new CorruptFileError('the file belongs to another object or version');
  } catch (error) {
    if (!isDamage(error)) throw error;
    logger.error({ err: error, device: device.name, hash: folder.hash }, 'a damaged version is set aside');
    await quarantineVersion(device, folder, version, undefined);
    throw corruptObject(error);
  }
}

/** Damage, or a disk that cannot read what it holds. */
export function isDamage(error: unknown): boolean {
  return error instanceof CorruptFileError || error instanceof SyntaxError || systemErrorCode(error) === 'EIO';
}

/** Past its `X-Delete-At`: as good as not there, until the expirer removes it. */
export function isExpired({ metadata }: ObjectState, nowMs: number): boolean {
  const deleteAt = metadata['x-delete-at'];
  return deleteAt !== undefined && Number(deleteAt) * 1000 <= nowMs;
}
