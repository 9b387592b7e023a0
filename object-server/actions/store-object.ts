import { InvariantError } from '../../common/errors.ts';
import { xxh64 } from '../../common/xxh64.ts';
import {
  bodySeed,
  MOST_WHOLE_BYTES,
  type NewObject,
  type ObjectTarget,
  type ObjectUpload,
  type UploadFooter,
} from '../contract.ts';
import { foldVersions } from '../engine/fold.ts';
import { largeLabelOf } from '../engine/large-label.ts';
import { nameSlotOf } from '../engine/object-key.ts';
import { checksumMismatch, olderVersion, toDeviceError } from '../errors.ts';
import type { LargeUpload } from '../large/contract.ts';
import type { NeedleBody } from '../slab/contract.ts';
import type { ActionContext } from './context.ts';
import { dataNeedle } from './put-object.ts';
import { assertCondition, storeVersion } from './store-version.ts';

/** Begins an upload after checking what can be known before the body. */
export async function storeObject(
  context: ActionContext,
  target: ObjectTarget,
  version: NewObject,
): Promise<ObjectUpload> {
  const { device } = context;
  await device.space.assertRoom(version.sizeBytes ?? 0);
  const key = device.keyOf(target);
  if (!device.isNewest(nameSlotOf(key), version.timestamp)) {
    const { base } = foldVersions(await device.index.newest(key));
    // A tie is decided by what the body turns out to be.
    if (base !== undefined && base.timestamp > version.timestamp) throw olderVersion(base.timestamp);
  }
  await assertCondition(context, target, version);
  return new StoredUpload(context, target, version);
}

/** Gathers a body in memory as long as it is small; beyond that it goes to a file of its own. */
class StoredUpload implements ObjectUpload {
  private readonly context: ActionContext;
  private readonly target: ObjectTarget;
  private readonly version: NewObject;
  private gathered = NOTHING;
  private gatheredBytes = 0;
  private large: LargeUpload | undefined;
  private state: 'open' | 'ended' = 'open';

  constructor(context: ActionContext, target: ObjectTarget, version: NewObject) {
    this.context = context;
    this.target = target;
    this.version = version;
    if ((version.sizeBytes ?? 0) > MOST_WHOLE_BYTES) this.large = this.beginLarge();
  }

  async write(chunk: Uint8Array, checksums?: BigUint64Array): Promise<void> {
    this.assertOpen();
    await this.guarded(async () => {
      await this.context.device.space.claim(chunk.length);
      if (this.large === undefined && this.gatheredBytes + chunk.length <= MOST_WHOLE_BYTES) return this.gather(chunk);
      if (this.large === undefined) {
        this.large = this.beginLarge();
        if (this.gatheredBytes > 0) await this.large.write(this.gathered.subarray(0, this.gatheredBytes));
        this.gathered = NOTHING;
      }
      await this.large.write(chunk, checksums);
    });
  }

  async commit(footer: UploadFooter): Promise<void> {
    this.assertOpen();
    this.state = 'ended';
    await this.guarded(() => this.store(footer));
  }

  async abort(): Promise<void> {
    if (this.state === 'ended') return;
    this.state = 'ended';
    await this.large?.discard();
  }

  private async store(footer: UploadFooter): Promise<void> {
    const { context, target, version } = this;
    let fileName: string | undefined;
    let admitted = false;
    try {
      const sizeBytes = this.large?.sizeBytes ?? this.gatheredBytes;
      if (sizeBytes !== footer.sizeBytes)
        throw checksumMismatch(`${sizeBytes} bytes arrived, ${footer.sizeBytes} were sent.`);
      fileName = (await this.large?.finish())?.name; // durable, under its name: a crash from here on leaves an orphan
      const fixedMetadata =
        footer.fixedMetadata === undefined
          ? version.fixedMetadata
          : { ...version.fixedMetadata, ...footer.fixedMetadata };
      const content = { etag: footer.etag, sizeBytes, fixedMetadata, body: this.bodyOf(fileName) };
      const needle = dataNeedle(context.device, target, version, content);
      const whenAdmitted = () => {
        admitted = true;
      };
      const { onlyIfAbsent, onlyIfUnchangedSince } = version;
      const condition = { onlyIfAbsent, onlyIfUnchangedSince };
      await storeVersion(context, target, needle, { ...condition, admitted: whenAdmitted });
    } catch (error) {
      // Once a needle may name the file it stays; the housekeeper finds out whether one does.
      if (!admitted) await this.forgetBody(fileName);
      throw error;
    }
  }

  private bodyOf(fileName: string | undefined): NeedleBody {
    if (fileName !== undefined) return { where: 'file', name: fileName };
    const bytes = this.gathered.subarray(0, this.gatheredBytes);
    return { where: 'inline', bytes, checksum: xxh64(bytes) };
  }

  private async forgetBody(fileName: string | undefined): Promise<void> {
    const { device, logger } = this.context;
    if (fileName === undefined) return this.large?.discard();
    await device.large.remove(fileName).catch((error: unknown) => {
      logger.warn({ err: error, device: device.name, fileName }, 'a body that nobody needs could not be removed');
    });
  }

  private gather(chunk: Uint8Array): void {
    const bytes = this.gatheredBytes + chunk.length;
    if (this.gathered.length < bytes) {
      const expected = Math.max(bytes, Math.min(this.version.sizeBytes ?? 2 * bytes, MOST_WHOLE_BYTES));
      const larger = Buffer.allocUnsafe(expected);
      larger.set(this.gathered.subarray(0, this.gatheredBytes));
      this.gathered = larger;
    }
    this.gathered.set(chunk, this.gatheredBytes);
    this.gatheredBytes = bytes;
  }

  private beginLarge(): LargeUpload {
    const { context, target, version } = this;
    const { device } = context;
    return device.large.begin({
      seed: bodySeed(target, version.timestamp),
      label: largeLabelOf(device.keyOf(target), version.timestamp),
      ...(version.sizeBytes === undefined ? {} : { sizeBytes: version.sizeBytes }),
    });
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

const NOTHING = Buffer.alloc(0);
