import { invalidInput } from '../errors.ts';
import { MOST_VOLUME_GIB } from '../limits.ts';
import type { Caller, VolumeParts } from '../parts.ts';
import { nextStatus } from '../state.ts';
import { assertUnused } from './create-attachment.ts';
import { authorize, findVolume } from './find-volume.ts';
import { assertWithinQuota } from './quota-usage.ts';

export interface ExtendRequest {
  sizeGib: number;
  /** From 3.42 on a volume in use may grow. */
  mayBeInUse: boolean;
}

/** Checks and records that a volume shall grow, and starts it. */
export async function extendVolume(
  parts: VolumeParts,
  caller: Caller,
  volumeId: string,
  { sizeGib, mayBeInUse }: ExtendRequest,
): Promise<void> {
  const volume = findVolume(parts, caller, volumeId, 'volume:extend');
  if (volume.status === 'in-use' && mayBeInUse)
    authorize(parts.policy, 'volume:extend_attached_volume', caller, volume);
  if (sizeGib <= volume.sizeGib)
    throw invalidInput(
      `New size for extend must be greater than current size. (current: ${volume.sizeGib}, extended: ${sizeGib}).`,
    );
  if (sizeGib > MOST_VOLUME_GIB) throw invalidInput(`Volume size ${sizeGib} GiB is larger than ${MOST_VOLUME_GIB}`);
  const type = await parts.types.get(volume.typeId);
  await parts.quotaQueue.run(volume.projectId, async () => {
    const { projectId } = volume;
    const gigabytes = sizeGib - volume.sizeGib;
    await assertWithinQuota(parts, { projectId, typeName: type?.name ?? '', volumes: 0, gigabytes, sizeGib });
    await parts.volumes.update(volume.id, (record) => {
      assertUnused(record);
      const status = nextStatus(record, mayBeInUse ? 'begin-extend-in-use' : 'begin-extend');
      return { ...record, status, operation: { kind: 'extend', sizeGib } };
    });
  });
  parts.startOperation(volume.id);
}
