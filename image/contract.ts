import type { Readable } from 'node:stream';

/** Spec: Image API v2, "Image status values"; `killed` and the task states are not made here. */
export type ImageStatus =
  | 'queued'
  | 'saving'
  | 'uploading'
  | 'importing'
  | 'active'
  | 'deactivated'
  | 'pending_delete'
  | 'deleted';

export type ImageVisibility = 'public' | 'private' | 'shared' | 'community';

/** Disk formats that an image may declare. Spec: Image API v2, "Disk format". */
export const DISK_FORMATS = [
  'ami',
  'ari',
  'aki',
  'vhd',
  'vhdx',
  'vmdk',
  'raw',
  'qcow2',
  'vdi',
  'ploop',
  'iso',
] as const;
export type DiskFormat = (typeof DISK_FORMATS)[number];

/** Container formats that an image may declare. Spec: Image API v2, "Container format". */
export const CONTAINER_FORMATS = ['ami', 'ari', 'aki', 'bare', 'ovf', 'ova', 'docker', 'compressed'] as const;
export type ContainerFormat = (typeof CONTAINER_FORMATS)[number];

/** An image as other services read it: the wire's flat object with its free properties gathered in `properties`. */
export interface ImageBody {
  id: string;
  name: string | null;
  status: ImageStatus;
  visibility: ImageVisibility;
  /** Project that owns the image. */
  owner: string | null;
  protected: boolean;
  disk_format: DiskFormat | null;
  container_format: ContainerFormat | null;
  /** Bytes of the image's file; null until its data is there. */
  size: number | null;
  /** Bytes of the disk that the file describes; null where unknown. */
  virtual_size: number | null;
  /** GiB. */
  min_disk: number;
  /** MiB. */
  min_ram: number;
  /** MD5 of the data, hexadecimal; null until it is there. */
  checksum: string | null;
  os_hash_algo: string | null;
  os_hash_value: string | null;
  os_hidden: boolean;
  tags: readonly string[];
  created_at: string;
  updated_at: string;
  /** Free properties, `kernel_id` and `ramdisk_id` among them. */
  properties: Readonly<Record<string, string>>;
}

/** What a caller may say of an image that it makes; the rest has Glance's defaults. */
export interface NewImage {
  id?: string;
  name?: string;
  disk_format?: DiskFormat;
  container_format?: ContainerFormat;
  visibility?: ImageVisibility;
  protected?: boolean;
  min_disk?: number;
  min_ram?: number;
  tags?: readonly string[];
  properties?: Readonly<Record<string, string>>;
}

/** Bytes `start`..`end` of an image, both inclusive, as HTTP counts them; no `end` = to the end of the image. */
export interface ImageRange {
  start: number;
  end?: number;
}

export interface ImageUpload {
  data: AsyncIterable<Uint8Array>;
  /** Announced so that an image over the limit is refused before it is sent. */
  sizeBytes?: number;
  /** Store that shall keep the data; the service's default unless told. */
  store?: string;
}

/**
 * The image service as other services call it, each time with the token of the one on whose behalf they act.
 *
 * Every method throws ApiError with the image service's status: `ImageNotFound` (404), `ImageNotAuthenticated` (401), `ImageForbidden` (403),
 * `ImageConflict` (409), `ImageRefused` (other 4xx), `ImageServiceUnavailable` (503: no answer, or one of 5xx).
 */
export interface ImageClient {
  show(token: string, id: string): Promise<ImageBody>;
  /**
   * The bytes of an active image, or a range of them. Destroy the stream to stop early; it fails if the connection breaks
   * before the last byte.
   */
  data(token: string, id: string, range?: ImageRange): Promise<Readable>;
  create(token: string, image: NewImage): Promise<ImageBody>;
  /** Sends the data of a queued image; once it resolves, the image is active. */
  upload(token: string, id: string, upload: ImageUpload): Promise<void>;
  delete(token: string, id: string): Promise<void>;
}
