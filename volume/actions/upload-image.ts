import type { ImageVisibility } from '../../image/contract.ts';
import { invalidInput, volumeNotFound } from '../errors.ts';
import type { Caller, VolumeParts } from '../parts.ts';
import { nextStatus } from '../state.ts';
import type { VolumeRecord } from '../store/records.ts';
import { assertUnused } from './create-attachment.ts';
import { findVolume } from './find-volume.ts';

export interface UploadRequest {
  imageName: string;
  /** Also of a volume in use: the image is then what happened to be on it. */
  force: boolean;
  diskFormat: string;
  containerFormat: string;
  visibility: ImageVisibility | undefined;
  isProtected: boolean;
}

/**
 * Makes an image of a volume: the image is queued with the user's token, its data follows.
 *
 * @returns the volume and the image's id.
 */
export async function uploadToImage(
  parts: VolumeParts,
  caller: Caller,
  volumeId: string,
  request: UploadRequest,
): Promise<{ volume: VolumeRecord; imageId: string }> {
  const before = findVolume(parts, caller, volumeId, 'volume_extension:volume_actions:upload_image');
  if (request.diskFormat !== 'raw' || request.containerFormat !== 'bare')
    throw invalidInput('volumes become images of disk_format raw and container_format bare only');
  const event = request.force ? 'begin-upload-in-use' : 'begin-upload';
  nextStatus(before, event);
  assertUnused(before);
  const image = await parts.images.create(caller.token, {
    name: request.imageName,
    disk_format: 'raw',
    container_format: 'bare',
    protected: request.isProtected,
    min_disk: before.sizeGib,
    ...(request.visibility && { visibility: request.visibility }),
  });
  try {
    const volume = await parts.volumes.update(before.id, (record) => {
      assertUnused(record);
      return { ...record, status: nextStatus(record, event), operation: { kind: 'upload', imageId: image.id } };
    });
    if (!volume) throw volumeNotFound(before.id);
    parts.startOperation(volume.id, caller.token);
    return { volume, imageId: image.id };
  } catch (error) {
    await parts.images.delete(caller.token, image.id);
    throw error;
  }
}
