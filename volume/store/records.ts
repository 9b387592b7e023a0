import type { AttachMode, AttachStatus, Connector, VolumeStatus } from '../contract.ts';

/** A volume as the store keeps it, attachments included: one record, so that every step of the handshake is one compare-and-set. */
export interface VolumeRecord {
  /** Layout of this record. */
  version: 1;
  /** UUID; the only text of it that reaches a path or a command, as `volume-<id>`. */
  id: string;
  projectId: string;
  userId: string;
  name: string | null;
  description: string | null;
  sizeGib: number;
  status: VolumeStatus;
  /** Why the status is an error, for the volume's owner; null otherwise. */
  fault: string | null;
  bootable: boolean;
  multiattach: boolean;
  /** Attachments get no write access. */
  readOnly: boolean;
  availabilityZone: string;
  /** Id of the volume's type. */
  typeId: string;
  /** Backend that holds the volume; null until the scheduler has chosen, and where it found none. */
  backend: string | null;
  metadata: Record<string, string>;
  /** Properties of the image that the volume was made from; null where there was none. */
  imageMetadata: Record<string, string> | null;
  sourceVolumeId: string | null;
  /** Volumes that are being copied from this one: it may neither change nor go until they are done. */
  copyIds: string[];
  attachments: AttachmentRecord[];
  /** What is being done to the volume: written before it begins, removed by the write that says how it ended. */
  operation: Operation | null;
  /** Milliseconds since the epoch. */
  createdAtMs: number;
  updatedAtMs: number | null;
}

export interface AttachmentRecord {
  /** UUID; the export's IQN ends in it. */
  id: string;
  status: AttachStatus;
  /** The server, null for a host that attaches for itself. */
  serverId: string | null;
  /** Made by `os-initialize_connection` or `os-attach`, the API before 3.27. */
  legacy: boolean;
  mode: AttachMode;
  /** Device name in the guest. */
  device: string | null;
  hostName: string | null;
  connector: Connector | null;
  /** Present exactly while the volume is exported for this attachment. */
  chap: { username: string; secret: string } | null;
  /** Set before the export is taken away: from then on the attachment can only go. */
  removing: boolean;
  attachedAtMs: number | null;
}

/** A long operation, with all that is needed to finish it or to take it back after a kill. */
type Operation =
  | { kind: 'create'; source: VolumeSource }
  | { kind: 'delete' }
  | { kind: 'extend'; sizeGib: number }
  | { kind: 'upload'; imageId: string };

export type VolumeSource =
  | { kind: 'blank' }
  | { kind: 'image'; imageId: string }
  | { kind: 'volume'; volumeId: string };

export interface VolumeTypeRecord {
  version: 1;
  id: string;
  name: string;
  description: string | null;
  isPublic: boolean;
  extraSpecs: Record<string, string>;
  /** Projects that may use the type although it is not public. */
  projectIds: string[];
  createdAtMs: number;
}

export const QUOTA_RESOURCES = [
  'volumes',
  'gigabytes',
  'per_volume_gigabytes',
  'snapshots',
  'backups',
  'backup_gigabytes',
  'groups',
] as const;

/** Limits that differ from the configured ones; the id is the project's. Names of types (`volumes_<type>`) may be among them. */
export interface QuotaRecord {
  version: 1;
  id: string;
  limits: Record<string, number>;
}
