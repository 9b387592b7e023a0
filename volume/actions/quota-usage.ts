import { gigabytesExceeded, volumeCountExceeded, volumeTooLarge } from '../errors.ts';
import type { VolumeParts } from '../parts.ts';
import type { VolumeRecord, VolumeTypeRecord } from '../store/records.ts';

/** What a project uses, by resource. Counted from the records each time: there are no reservations that could leak. */
export function usageOf(
  parts: Pick<VolumeParts, 'volumes'>,
  projectId: string,
  types: readonly VolumeTypeRecord[],
): Record<string, number> {
  const usage: Record<string, number> = { volumes: 0, gigabytes: 0 };
  const nameOf = new Map(types.map(({ id, name }) => [id, name]));
  for (const volume of parts.volumes.ofProject(projectId)) {
    const gib = countedGib(volume);
    const typeName = nameOf.get(volume.typeId);
    for (const suffix of typeName === undefined ? [''] : ['', `_${typeName}`]) {
      usage[`volumes${suffix}`] = (usage[`volumes${suffix}`] ?? 0) + 1;
      usage[`gigabytes${suffix}`] = (usage[`gigabytes${suffix}`] ?? 0) + gib;
    }
  }
  return usage;
}

/** A volume that grows counts as what it will be. */
function countedGib({ sizeGib, operation }: VolumeRecord): number {
  return operation?.kind === 'extend' ? operation.sizeGib : sizeGib;
}

export interface QuotaRequest {
  projectId: string;
  typeName: string;
  /** Volumes that come to be. */
  volumes: number;
  /** GiB that are added. */
  gigabytes: number;
  /** GiB of the one volume in the end. */
  sizeGib: number;
}

/**
 * @throws ApiError 413 naming the quota, what is allowed and what is used.
 * Call it, and write what it allowed, within the project's `quotaQueue`.
 */
export async function assertWithinQuota(parts: VolumeParts, request: QuotaRequest): Promise<void> {
  const types = await parts.types.list();
  const limits = await parts.quotas.limitsOf(
    request.projectId,
    types.map(({ name }) => name),
  );
  const used = usageOf(parts, request.projectId, types);
  const perVolume = limits['per_volume_gigabytes'] ?? -1;
  if (perVolume >= 0 && request.sizeGib > perVolume) throw volumeTooLarge(request.sizeGib, perVolume);
  for (const suffix of ['', `_${request.typeName}`]) {
    const gibLimit = limits[`gigabytes${suffix}`] ?? -1;
    const gibUsed = used[`gigabytes${suffix}`] ?? 0;
    if (gibLimit >= 0 && gibUsed + request.gigabytes > gibLimit)
      throw gigabytesExceeded(`gigabytes${suffix}`, request.gigabytes, gibLimit, gibUsed);
    const countLimit = limits[`volumes${suffix}`] ?? -1;
    if (countLimit >= 0 && request.volumes > 0 && (used[`volumes${suffix}`] ?? 0) + request.volumes > countLimit)
      throw volumeCountExceeded(`volumes${suffix}`, countLimit);
  }
}
