import { InvariantError } from '../../common/errors.ts';
import type { NewObject, ObjectTarget, ObjectUpload, UploadFooter } from '../contract.ts';
import { type Fold, foldVersions, newestTimestamp } from '../engine/fold.ts';
import { seedOf, type VersionRecord } from '../engine/object-file.ts';
import { folderOf, listVersions, type ObjectFolder, removeVersions } from '../engine/object-folder.ts';
import { publishVersion } from '../engine/publish.ts';
import { publishRecord, tombstoneName, tombstoneRecord } from '../engine/publish-record.ts';
import { isExpired, readObject } from '../engine/read-object.ts';
import { compareVersions, tieOfData, type VersionName } from '../engine/version-name.ts';
import { VersionWriter } from '../engine/version-writer.ts';
import { checksumMismatch, containerNotFound, objectExists, olderVersion, toDeviceError } from '../errors.ts';
import { liveRowOf, rowOf } from '../updates/listing-rows.ts';
import { pendingPathOf } from '../updates/pending-name.ts';
import type { ActionContext } from './context.ts';

/** Begins an upload after checking what can be known before the body. */
export async function storeObject(
  context: ActionContext,
  target: ObjectTarget,
  version: NewObject,
): Promise<ObjectUpload> {
  const { device } = context;
  await device.assertSpace(version.sizeBytes ?? 0);
  const folder = folderOf(device, target);
  const fold = foldVersions(await listVersions(device, folder));
  const newest = newestTimestamp(fold);
  // A tie is decided by what the body turns out to be.
  if (newest !== undefined && newest > version.timestamp) throw olderVersion(newest);
  if (version.onlyIfAbsent) await assertAbsent(context, target, fold);
  return new StoredUpload(context, target, folder, version);
}

async function assertAbsent(context: ActionContext, target: ObjectTarget, { base }: Fold): Promise<void> {
  if (base?.kind !== 'data') return;
  const { data } = await readObject(context.device, target, context.logger);
  await data?.reader.close();
  if (data && !isExpired(data.state, context.clock.nowMs())) throw objectExists(data.state.timestamp);
}

class StoredUpload implements ObjectUpload {
  private readonly context: ActionContext;
  private readonly target: ObjectTarget;
  private readonly folder: ObjectFolder;
  private readonly version: NewObject;
  private readonly writer: VersionWriter;
  /** The folders become durable while the body arrives. */
  private readonly foldersReady: Promise<void>;
  private state: 'open' | 'ended' = 'open';

  constructor(context: ActionContext, target: ObjectTarget, folder: ObjectFolder, version: NewObject) {
    this.context = context;
    this.target = target;
    this.folder = folder;
    this.version = version;
    this.writer = new VersionWriter(context.device, seedOf(target, version.timestamp), version.sizeBytes);
    this.foldersReady = context.device.ensureFolders(folder.levels);
    this.foldersReady.catch(() => undefined); // met by commit
  }

  async write(chunk: Uint8Array): Promise<void> {
    this.assertOpen();
    await this.guarded(() => this.writer.append(chunk));
  }

  async commit(footer: UploadFooter): Promise<void> {
    this.assertOpen();
    this.state = 'ended';
    await this.guarded(() => this.store(footer));
  }

  async abort(): Promise<void> {
    if (this.state === 'ended') return;
    this.state = 'ended';
    await this.writer.discard();
  }

  private async store(footer: UploadFooter): Promise<void> {
    const { context, target, folder, version } = this;
    const { device } = context;
    const record = this.recordOf(footer);
    const name: VersionName = { kind: 'data', timestamp: record.timestamp, tie: record.tie, typed: false };
    const pendingPath = version.listing && pendingPathOf(device, folder, name);
    try {
      if (this.writer.sizeBytes !== footer.sizeBytes)
        throw checksumMismatch(`${this.writer.sizeBytes} bytes arrived, ${footer.sizeBytes} were sent.`);
      await this.writer.finish(record);
      await this.foldersReady;
      const fold = foldVersions(await listVersions(device, folder));
      assertNewer(fold, name);
      if (version.onlyIfAbsent) await assertAbsent(context, target, fold);
      await publishVersion({ device, folder, version: name, temporaryPath: this.writer.path, pendingPath });
    } catch (error) {
      await this.writer.discard();
      throw error;
    }
    const fold = foldVersions(await listVersions(device, folder));
    const cleaning = removeVersions(device, folder, fold.obsolete);
    await Promise.all([cleaning, this.list(record, name, fold, pendingPath)]);
  }

  private async list(record: VersionRecord, name: VersionName, fold: Fold, pendingPath: string | undefined) {
    const { context, target, version } = this;
    const { listing } = version;
    if (listing === undefined || pendingPath === undefined) return;
    const isAlone = fold.base && compareVersions(fold.base, name) === 0 && fold.metadata === undefined;
    const row = isAlone ? liveRowOf(target.object, this.stateOf(record)) : await this.currentRow();
    if (row === undefined) return; // gone again, by somebody who reports it
    await context.reporter.report({
      target,
      listing,
      row,
      pendingPath,
      takeBack: async (cause) => {
        await takeBack(context, target, this.folder, name);
        throw containerNotFound(cause);
      },
    });
  }

  private async currentRow() {
    const { context, target } = this;
    const found = await readObject(context.device, target, context.logger);
    await found.data?.reader.close();
    return rowOf(target.object, found);
  }

  private recordOf(footer: UploadFooter): VersionRecord {
    const { target, version } = this;
    const { account, container, object, partition, policyIndex } = target;
    const { timestamp, contentType, metadata, listing } = version;
    const fixedMetadata = { ...version.fixedMetadata, ...footer.fixedMetadata };
    const tie = tieOfData(footer.etag, footer.sizeBytes, contentType, metadata, fixedMetadata);
    return {
      kind: 'data',
      account,
      container,
      object,
      partition,
      policyIndex,
      timestamp,
      tie,
      etag: footer.etag,
      fixedMetadata,
      metadata,
      contentType,
      ...(listing === undefined ? {} : { listing }),
    };
  }

  private stateOf({ timestamp, etag, fixedMetadata, metadata }: VersionRecord) {
    return {
      timestamp,
      dataTimestamp: timestamp,
      metadataTimestamp: timestamp,
      contentType: this.version.contentType,
      contentTypeTimestamp: timestamp,
      etag,
      sizeBytes: this.writer.sizeBytes,
      fixedMetadata,
      metadata,
    };
  }

  private async guarded<T>(work: () => Promise<T>): Promise<T> {
    try {
      return await work();
    } catch (error) {
      throw toDeviceError(this.target.device, error);
    }
  }

  private assertOpen(): void {
    if (this.state !== 'open') throw new InvariantError('an upload goes on after its end');
  }
}

/** The same version once more is no error: it is there. @throws OlderVersion. */
function assertNewer(fold: Fold, name: VersionName): void {
  const newest = newestTimestamp(fold);
  if (newest === undefined || newest < name.timestamp) return;
  const { base } = fold;
  const wins = newest === name.timestamp && base !== undefined && compareVersions(base, name) <= 0;
  if (!wins) throw olderVersion(newest);
}

/** A tombstone of the version's own time beats it, and nothing that came after it. */
export async function takeBack(
  { device }: Pick<ActionContext, 'device'>,
  target: ObjectTarget,
  folder: ObjectFolder,
  { timestamp }: VersionName,
): Promise<void> {
  await publishRecord(device, target, folder, tombstoneRecord(target, timestamp), tombstoneName(timestamp));
}
