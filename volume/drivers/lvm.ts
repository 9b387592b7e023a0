import { ApiError, invariant } from '../../common/errors.ts';
import { wipe } from '../data/wipe.ts';
import { backingName, type PoolStats, type VolumeBacking, type VolumeDriver } from './contract.ts';
import { LvmCommands } from './lvm-commands.ts';
import type { RunCommand } from './run-command.ts';
import { assertVolumeId } from './volume-id.ts';

export interface LvmDriverOptions {
  run: RunCommand;
  volumeGroup: string;
  extraArguments?: readonly string[];
  systemDir?: string | undefined;
  /** Whether volumes are activated as /dev/VG/LV. Without (no device-mapper) they are reached through the physical volumes. */
  activate: boolean;
  /** Allocate contiguous extents only: one segment per volume, at the price of extensions that find no room. */
  contiguous?: boolean;
}

/**
 * Volumes as linear logical volumes of one volume group.
 *
 * What a volume held is zeroed before its extents are free, so no other volume ever shows it.
 */
export class LvmDriver implements VolumeDriver {
  readonly kind = 'LVM';
  /** What the disks held before they were a volume group is not ours to know. */
  readonly freshVolumesReadZero = false;
  private readonly options: LvmDriverOptions;
  private readonly lvm: LvmCommands;

  constructor(options: LvmDriverOptions) {
    this.options = options;
    this.lvm = new LvmCommands({
      run: options.run,
      volumeGroup: options.volumeGroup,
      extraArguments: options.extraArguments ?? [],
      systemDir: options.systemDir,
    });
  }

  async start(): Promise<void> {
    await this.lvm.groupSize();
  }

  async create(volumeId: string, sizeBytes: number): Promise<void> {
    const name = nameOf(volumeId);
    const size = await this.lvm.sizeOf(name);
    if (size === undefined) await this.lvm.create(name, sizeBytes, this.creationFlags());
    else invariant(size >= sizeBytes, `${name} has ${size} bytes instead of ${sizeBytes}`);
  }

  async delete(volumeId: string, signal?: AbortSignal): Promise<void> {
    const name = nameOf(volumeId);
    if ((await this.lvm.sizeOf(name)) === undefined) return;
    // A crash during the wipe leaves the volume, half zeros: the same call again begins anew. Freed only once it is all zeros.
    await wipe(await this.backing(volumeId), signal);
    await this.lvm.remove(name);
  }

  async extend(volumeId: string, sizeBytes: number): Promise<void> {
    const name = nameOf(volumeId);
    const size = await this.lvm.sizeOf(name);
    if (size === undefined) throw lost(name);
    if (size < sizeBytes) await this.lvm.extend(name, sizeBytes);
  }

  async backing(volumeId: string): Promise<VolumeBacking> {
    const name = nameOf(volumeId);
    const sizeBytes = await this.lvm.sizeOf(name);
    if (sizeBytes === undefined) throw lost(name);
    if (this.options.activate) {
      await this.lvm.activate(name);
      const path = `/dev/${this.options.volumeGroup}/${name}`;
      return { sizeBytes, extents: [{ path, offsetBytes: 0, lengthBytes: sizeBytes }] };
    }
    const segments = await this.lvm.segmentsOf(name);
    const extents = segments.map(({ device, offsetBytes, lengthBytes }) => ({
      path: device,
      offsetBytes,
      lengthBytes,
    }));
    const total = extents.reduce((sum, { lengthBytes }) => sum + lengthBytes, 0);
    invariant(total === sizeBytes, `the segments of ${name} add up to ${total} bytes instead of ${sizeBytes}`);
    return { sizeBytes, extents };
  }

  async stats(): Promise<PoolStats> {
    const { totalBytes, freeBytes } = await this.lvm.groupSize();
    return { totalBytes, freeBytes, thin: false };
  }

  /** LVM's own wiping needs an active volume; what must be zero is zeroed by us. A contiguous volume stays so when it grows. */
  private creationFlags(): string[] {
    const { activate, contiguous } = this.options;
    return ['-W', 'n', '-Z', 'n', ...(activate ? [] : ['-an']), ...(contiguous ? ['-C', 'y'] : [])];
  }
}

function nameOf(volumeId: string): string {
  return backingName(assertVolumeId(volumeId));
}

function lost(name: string): ApiError {
  return new ApiError({ status: 500, code: 'BackingLost', message: `The logical volume ${name} is not there.` });
}
