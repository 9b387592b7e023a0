import type { Clock } from '../../common/clock.ts';
import { bodySeed, type ObjectReading, type ObjectState, type ObjectTarget } from '../contract.ts';
import { isDamage } from '../engine/damage.ts';
import type { Device } from '../engine/device.ts';
import type { LiveObject } from '../engine/live-object.ts';
import { setAside } from '../engine/quarantine.ts';
import { findObject, isExpired, readVersion, recallObject } from '../engine/read-object.ts';
import { objectNotFound, supersededWhileRead, toDeviceError } from '../errors.ts';
import type { LargeReading } from '../large/contract.ts';
import { MOST_LOOKUPS } from '../limits.ts';
import type { Needle } from '../slab/contract.ts';
import { giveBack } from '../slab/read-memory.ts';
import type { ActionContext } from './context.ts';

export async function openObject({ device, clock }: ActionContext, target: ObjectTarget): Promise<ObjectReading> {
  for (let lookup = 1; ; lookup += 1) {
    const { live, needle, fold } = await findObject(device, target);
    if (live === undefined) throw objectNotFound(fold.base?.damaged ? undefined : fold.base?.timestamp);
    if (isExpired(live, clock.nowMs())) throw objectNotFound(live.state.timestamp, live.state.metadata['x-delete-at']);
    const reading = new StoredReading(device, target, live, needle);
    if (live.fileName === undefined) return reading;
    // A file that is open outlives its removal: the version can be read to its end, whatever becomes of it.
    if ((await reading.openFile()) !== undefined) return reading;
    if (lookup >= MOST_LOOKUPS) throw supersededWhileRead(device.name);
  }
}

/** The same from memory, where it is proved current. */
export function openObjectNow(device: Device, clock: Clock, target: ObjectTarget): ObjectReading | undefined {
  const live = recallObject(device, target);
  if (live === undefined || isExpired(live, clock.nowMs())) return undefined;
  return new StoredReading(device, target, live, undefined);
}

class StoredReading implements ObjectReading {
  readonly state: ObjectState;
  private readonly device: Device;
  private readonly target: ObjectTarget;
  private readonly live: LiveObject;
  private needle: Needle | undefined;
  private file: LargeReading | undefined;

  constructor(device: Device, target: ObjectTarget, live: LiveObject, needle: Needle | undefined) {
    this.state = live.state;
    this.device = device;
    this.target = target;
    this.live = live;
    this.needle = needle;
  }

  body(start: number, end: number): AsyncIterable<Uint8Array> {
    return this.live.fileName === undefined ? this.inlineBody(start, end) : this.fileBody(start, end);
  }

  bodyNow(): Uint8Array | undefined {
    const { live, device } = this;
    if (live.fileName !== undefined || live.isCold) return undefined;
    return device.reader.bodyNow(live.base.location);
  }

  giveBack(body: Uint8Array): void {
    giveBack(body);
  }

  async close(): Promise<void> {
    await this.file?.close();
  }

  /** @returns undefined where the file is gone because the version is. @throws CorruptObject, after setting it aside. */
  async openFile(): Promise<LargeReading | undefined> {
    const { device, target, live, state } = this;
    try {
      const seed = bodySeed(target, state.dataTimestamp);
      this.file = await device.large.open(live.fileName ?? '', seed, state.sizeBytes);
      return this.file;
    } catch (error) {
      await this.refuseDamage(error);
      return undefined;
    }
  }

  private async *inlineBody(start: number, end: number): AsyncGenerator<Uint8Array> {
    const needle = this.needle ?? (await this.readNeedle());
    if (needle.body.where === 'inline' && start < end) yield needle.body.bytes.subarray(start, end);
  }

  private async *fileBody(start: number, end: number): AsyncGenerator<Uint8Array> {
    const file = this.file ?? (await this.openFile());
    if (file === undefined) throw supersededWhileRead(this.device.name);
    try {
      yield* file.read(start, end);
    } catch (error) {
      await this.refuseDamage(error);
      throw supersededWhileRead(this.device.name);
    }
  }

  /** The needle of this very version, wherever it has been moved to. */
  private async readNeedle(): Promise<Needle> {
    const { device, target, live } = this;
    let version = live.base;
    for (let lookup = 1; lookup <= MOST_LOOKUPS; lookup += 1) {
      try {
        const needle = await readVersion(device, target, live.key, version);
        if (needle !== undefined) {
          live.isCold = false;
          return needle;
        }
        const current = await device.index.find(live.key, live.base);
        if (current === undefined || current.damaged) break;
        version = current;
      } catch (error) {
        throw toDeviceError(device.name, error);
      }
    }
    throw supersededWhileRead(device.name);
  }

  /** @throws CorruptObject where the version is damaged; other errors as they are. Returns where it has been superseded. */
  private async refuseDamage(error: unknown): Promise<void> {
    const { device, target, live } = this;
    if (!isDamage(error)) throw toDeviceError(device.name, error);
    try {
      await setAside(device, target, live.key, live.base, error);
    } catch (refusal) {
      throw toDeviceError(device.name, refusal);
    }
  }
}
