import { randomUUID } from 'node:crypto';
import { ApiError } from '../../common/errors.ts';
import { ConflictError } from '../../common/kv/table.ts';
import type { ImageBody } from '../../image/contract.ts';
import { invalidInput, invalidVolume, notBuilt, volumeNotFound, volumeTypeNotFound } from '../errors.ts';
import { GIB, MOST_VOLUME_GIB } from '../limits.ts';
import type { Caller, VolumeParts } from '../parts.ts';
import type { VolumeRecord, VolumeSource, VolumeTypeRecord } from '../store/records.ts';
import { findVolume } from './find-volume.ts';
import { assertWithinQuota } from './quota-usage.ts';

/** A create request, parsed: null and absent are the same. */
export interface VolumeRequest {
  sizeGib: number | undefined;
  name: string | null;
  description: string | null;
  metadata: Record<string, string>;
  imageId: string | undefined;
  sourceVolumeId: string | undefined;
  snapshotId: string | undefined;
  backupId: string | undefined;
  /** Id or name. */
  type: string | undefined;
  availabilityZone: string | undefined;
}

interface Origin {
  source: VolumeSource;
  image?: ImageBody;
  volume?: VolumeRecord;
}

/** Checks and records a new volume, and starts its making. */
export async function createVolume(parts: VolumeParts, caller: Caller, request: VolumeRequest): Promise<VolumeRecord> {
  parts.policy.authorize('volume:create', caller.identity, { project_id: caller.projectId, user_id: caller.userId });
  const origin = await originOf(parts, caller, request);
  const sizeGib = sizeOf(request, origin);
  const type = await typeOf(parts, caller, request, origin);
  const record = newRecord(parts, caller, { request, origin, sizeGib, type });
  await parts.quotaQueue.run(caller.projectId, async () => {
    const { projectId } = caller;
    await assertWithinQuota(parts, { projectId, typeName: type.name, volumes: 1, gigabytes: sizeGib, sizeGib });
    await insert(parts, record, origin.volume);
  });
  parts.startOperation(record.id, caller.token);
  return record;
}

async function originOf(parts: VolumeParts, caller: Caller, request: VolumeRequest): Promise<Origin> {
  const { imageId, sourceVolumeId, snapshotId, backupId } = request;
  if ([imageId, sourceVolumeId, snapshotId].filter((each) => each !== undefined).length > 1)
    throw invalidInput('May specify only one of snapshot, imageRef or source volume');
  if (snapshotId !== undefined) throw notBuilt('Creating a volume from a snapshot');
  if (backupId !== undefined) throw notBuilt('Creating a volume from a backup');
  if (imageId !== undefined) {
    const image = await imageFor(parts, caller, imageId);
    return { source: { kind: 'image', imageId: image.id }, image };
  }
  if (sourceVolumeId === undefined) return { source: { kind: 'blank' } };
  const volume = findVolume(parts, caller, sourceVolumeId, 'volume:get');
  if (volume.projectId !== caller.projectId && !caller.isAdmin) throw volumeNotFound(sourceVolumeId);
  return { source: { kind: 'volume', volumeId: volume.id }, volume };
}

async function imageFor(parts: VolumeParts, caller: Caller, imageId: string): Promise<ImageBody> {
  const image = await parts.images.show(caller.token, imageId).catch((error: unknown) => {
    if (!(error instanceof ApiError) || error.status >= 500) throw error;
    throw invalidInput('Invalid image identifier or unable to access requested image.');
  });
  if (image.status !== 'active') throw invalidInput(`Image ${image.id} is not active.`);
  return image;
}

function sizeOf(request: VolumeRequest, { image, volume }: Origin): number {
  const sizeGib = request.sizeGib ?? volume?.sizeGib;
  if (sizeGib === undefined) throw invalidInput("Volume size 'None' must be an integer and greater than 0");
  if (sizeGib > MOST_VOLUME_GIB) throw invalidInput(`Volume size ${sizeGib} GiB is larger than ${MOST_VOLUME_GIB}`);
  if (volume && sizeGib < volume.sizeGib)
    throw invalidInput(
      `Volume size ${sizeGib} GB cannot be smaller than original volume size ${volume.sizeGib} GB. They must be >= original volume size.`,
    );
  if (!image) return sizeGib;
  const imageGib = Math.ceil((image.size ?? 0) / GIB);
  if (imageGib > sizeGib)
    throw invalidInput(`Size of specified image ${imageGib}GB is larger than volume size ${sizeGib}GB.`);
  const virtualGib = Math.ceil((image.virtual_size ?? 0) / GIB);
  if (virtualGib > sizeGib)
    throw invalidInput(`Image virtual size is ${virtualGib}GB and doesn't fit in a volume of size ${sizeGib}GB.`);
  if (image.min_disk > sizeGib)
    throw invalidInput(`Volume size ${sizeGib}GB cannot be smaller than the image minDisk size ${image.min_disk}GB.`);
  return sizeGib;
}

async function typeOf(
  parts: VolumeParts,
  caller: Caller,
  request: VolumeRequest,
  { image, volume }: Origin,
): Promise<VolumeTypeRecord> {
  const wanted = request.type ?? image?.properties['cinder_img_volume_type'] ?? volume?.typeId;
  if (wanted === undefined) return parts.types.default();
  const type = await parts.types.find(wanted);
  const mayUse = type && (type.isPublic || caller.isAdmin || type.projectIds.includes(caller.projectId));
  if (!mayUse) throw volumeTypeNotFound(wanted);
  return type;
}

interface Decided {
  request: VolumeRequest;
  origin: Origin;
  sizeGib: number;
  type: VolumeTypeRecord;
}

function newRecord(parts: VolumeParts, caller: Caller, { request, origin, sizeGib, type }: Decided): VolumeRecord {
  const { availability_zone: zone } = parts.config;
  if (request.availabilityZone !== undefined && request.availabilityZone !== zone)
    throw invalidInput(`Availability zone '${request.availabilityZone}' is invalid.`);
  return {
    version: 1,
    id: randomUUID(),
    projectId: caller.projectId,
    userId: caller.userId,
    name: request.name,
    description: request.description,
    sizeGib,
    status: 'creating',
    fault: null,
    bootable: false,
    multiattach: /^<is>\s*true$/i.test(type.extraSpecs['multiattach'] ?? ''),
    readOnly: false,
    availabilityZone: zone,
    typeId: type.id,
    backend: null,
    metadata: request.metadata,
    imageMetadata: origin.image ? imageMetadataOf(origin.image) : null,
    sourceVolumeId: origin.volume?.id ?? null,
    copyIds: [],
    attachments: [],
    operation: { kind: 'create', source: origin.source },
    createdAtMs: parts.clock.nowMs(),
    updatedAtMs: null,
  };
}

/** What a volume remembers of its image, all as texts. Spec: Cinder, `volume_image_metadata`. */
function imageMetadataOf(image: ImageBody): Record<string, string> {
  const known: Record<string, string | number | null> = {
    image_id: image.id,
    image_name: image.name,
    checksum: image.checksum,
    container_format: image.container_format,
    disk_format: image.disk_format,
    min_disk: image.min_disk,
    min_ram: image.min_ram,
    size: image.size,
  };
  const texts = Object.entries(known).flatMap(([key, value]) => (value === null ? [] : [[key, String(value)]]));
  return { ...image.properties, ...Object.fromEntries(texts) };
}

/** The volume, and with it the mark on the volume it is copied from, in one commit. */
async function insert(parts: VolumeParts, record: VolumeRecord, source: VolumeRecord | undefined): Promise<void> {
  if (!source) return parts.volumes.insert(record);
  for (let attempt = 0; attempt < MOST_ATTEMPTS; attempt += 1) {
    const mark = await parts.volumes.changeOf(source.id, (current) => {
      if (current.status !== 'available')
        throw invalidVolume(
          `Volume ${current.id} must be available to be copied, but current status is: ${current.status}.`,
        );
      return { ...current, copyIds: [...current.copyIds, record.id] };
    });
    if (!mark) throw volumeNotFound(source.id);
    try {
      await parts.volumes.insert(record, mark);
      return await parts.volumes.refresh(source.id);
    } catch (error) {
      if (!(error instanceof ConflictError)) throw error;
    }
  }
  throw invalidVolume(`Volume ${source.id} changes all the time.`);
}

const MOST_ATTEMPTS = 10;
