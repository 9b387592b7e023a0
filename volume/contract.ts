/**
 * The bodies of the Block Storage API that other services read and write.
 *
 * Spec: Block Storage API v3, "Volumes" and "Attachments".
 */

/** Where a volume is in its life. `error_*` states end in a person's hands: delete, or reset the status. */
export type VolumeStatus =
  | 'creating'
  | 'downloading'
  | 'available'
  | 'reserved'
  | 'attaching'
  | 'in-use'
  | 'detaching'
  | 'uploading'
  | 'extending'
  | 'maintenance'
  | 'deleting'
  | 'error'
  | 'error_deleting'
  | 'error_extending'
  | 'error_managing';

export type AttachStatus = 'reserved' | 'attaching' | 'attached' | 'detaching' | 'detached' | 'error_attaching';

export type AttachMode = 'rw' | 'ro';

/** One attachment as a volume shows it. */
export interface VolumeAttachmentSummary {
  /** The volume's id: Cinder's own habit. */
  id: string;
  attachment_id: string;
  volume_id: string;
  server_id: string | null;
  /** Shown to administrators and services only; null otherwise. */
  host_name: string | null;
  device: string | null;
  attached_at: string | null;
}

/** The `volume` object of show and detail, of the fields that every caller sees. */
export interface VolumeBody {
  id: string;
  name: string | null;
  description: string | null;
  status: VolumeStatus;
  /** GiB. */
  size: number;
  /** `true` or `false`, as a text. */
  bootable: 'true' | 'false';
  encrypted: boolean;
  multiattach: boolean;
  availability_zone: string;
  volume_type: string | null;
  user_id: string;
  metadata: Record<string, string>;
  attachments: VolumeAttachmentSummary[];
  /** Properties of the image that the volume was made from, as texts. Absent where there was none. */
  volume_image_metadata?: Record<string, string>;
  'os-vol-tenant-attr:tenant_id'?: string;
  created_at: string;
  updated_at: string | null;
}

/** The body of `POST /volumes`, of the fields that are honoured. */
export interface NewVolume {
  /** GiB; may be left out where a source volume gives it. */
  size?: number;
  name?: string;
  description?: string;
  imageRef?: string;
  volume_type?: string;
  availability_zone?: string;
  metadata?: Record<string, string>;
  source_volid?: string;
}

/** The host (or hypervisor) that is about to connect. What of it is not named here is kept and ignored. */
export interface Connector {
  /** The initiator's iSCSI name: the only one that may log in. */
  initiator: string;
  ip?: string;
  host?: string;
  platform?: string;
  os_type?: string;
  multipath?: boolean;
  /** Device name in the guest, such as `/dev/vdb`. */
  mountpoint?: string;
  mode?: AttachMode;
}

/**
 * How to reach the volume, flat as the attachments API gives it. It holds a secret: only a service gets it.
 * (`os-initialize_connection` nests all but `driver_volume_type` under `data`.)
 */
export interface ConnectionInfo extends ConnectionData {
  driver_volume_type: 'iscsi';
  attachment_id: string;
  enforce_multipath: boolean;
}

export interface ConnectionData {
  target_discovered: false;
  /** `address:port`. */
  target_portal: string;
  target_iqn: string;
  target_lun: number;
  volume_id: string;
  auth_method: 'CHAP';
  auth_username: string;
  auth_password: string;
  access_mode: AttachMode;
  encrypted: boolean;
  qos_specs: null;
  cacheable: boolean;
  discard: boolean;
}

/** The `attachment` object of `/attachments`. */
export interface AttachmentBody {
  id: string;
  status: AttachStatus;
  /** The server's id; null for a host that attaches for itself. */
  instance: string | null;
  volume_id: string;
  attached_at: string | null;
  detached_at: string | null;
  attach_mode: AttachMode | null;
  /** `{}` until the connector is known, and for everyone but services. */
  connection_info: ConnectionInfo | Record<string, never>;
}
