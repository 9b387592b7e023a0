import type { ContainerFormat, DiskFormat, ImageStatus, ImageVisibility } from '../contract.ts';
import type { StoreLocation } from '../stores/contract.ts';

/** An image as it is stored, `images/<id>`. Written by the actions only, each change by compare and set. */
export interface ImageRecord {
  /** UUID, chosen by the service or by who made the image. Never used again after the image's deletion. */
  id: string;
  name: string | null;
  status: ImageStatus;
  visibility: ImageVisibility;
  /** Project. */
  owner: string;
  protected: boolean;
  diskFormat: DiskFormat | null;
  containerFormat: ContainerFormat | null;
  /** GiB. */
  minDisk: number;
  /** MiB. */
  minRam: number;
  hidden: boolean;
  tags: string[];
  /** Free properties by name. */
  properties: Record<string, string>;
  /** Projects that a shared image is shown to. */
  members: ImageMember[];
  /** Milliseconds since the epoch. */
  createdAtMs: number;
  updatedAtMs: number;
  /** What the data is, once it is there: written with the step to `active`, all at once. */
  data: ImageData | null;
  /** The transfer that is under way, or that a crash interrupted: where bytes may lie that no location names. */
  transfer: ImageTransfer | null;
}

export interface ImageData {
  sizeBytes: number;
  /** Bytes of the disk inside; null for formats that are not looked into. */
  virtualSizeBytes: number | null;
  /** Hexadecimal. */
  md5: string;
  sha512: string;
  /** Copies, one per store; the first that can be read serves. Never empty. */
  copies: ImageCopy[];
}

interface ImageCopy {
  /** Id of the store in the configuration. */
  store: string;
  location: StoreLocation;
}

export interface ImageTransfer {
  /** Made for each transfer: only who holds it may end the transfer. */
  id: string;
  store: string;
}

export type MemberStatus = 'pending' | 'accepted' | 'rejected';

export interface ImageMember {
  /** Project. */
  id: string;
  status: MemberStatus;
  createdAtMs: number;
  updatedAtMs: number;
}

/** Keeps the id of a deleted image from being used again: its old bytes may still be on their way out. */
export interface DeletedImage {
  id: string;
  deletedAtMs: number;
}
