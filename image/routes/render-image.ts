import type { ImageMember, ImageRecord } from '../records/image-record.ts';

/** An image as the API shows it: flat, its free properties beside the base fields. Spec: Image API v2, "Show image". */
export function renderImage(image: ImageRecord): Record<string, unknown> {
  const path = `/v2/images/${image.id}`;
  const { data } = image;
  return {
    ...image.properties,
    id: image.id,
    name: image.name,
    status: image.status,
    visibility: image.visibility,
    owner: image.owner,
    protected: image.protected,
    os_hidden: image.hidden,
    disk_format: image.diskFormat,
    container_format: image.containerFormat,
    min_disk: image.minDisk,
    min_ram: image.minRam,
    size: data?.sizeBytes ?? null,
    virtual_size: data?.virtualSizeBytes ?? null,
    checksum: data?.md5 ?? null,
    os_hash_algo: data ? 'sha512' : null,
    os_hash_value: data?.sha512 ?? null,
    ...(data ? { stores: data.copies.map(({ store }) => store).join(',') } : {}),
    tags: image.tags,
    created_at: renderTime(image.createdAtMs),
    updated_at: renderTime(image.updatedAtMs),
    self: path,
    file: `${path}/file`,
    schema: '/v2/schemas/image',
  };
}

/** Spec: Image API v2, "Show image member details". */
export function renderMember(imageId: string, member: ImageMember): Record<string, unknown> {
  return {
    image_id: imageId,
    member_id: member.id,
    status: member.status,
    created_at: renderTime(member.createdAtMs),
    updated_at: renderTime(member.updatedAtMs),
    schema: '/v2/schemas/member',
  };
}

function renderTime(ms: number): string {
  return `${new Date(ms).toISOString().slice(0, 19)}Z`;
}
