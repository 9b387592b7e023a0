/** What the compute service stores. Each field: its unit, and who writes it where that is not the API. */

export interface FlavorRecord {
  id: string;
  name: string;
  vcpus: number;
  ramMib: number;
  /** Size of the root disk, GiB; 0 = as large as the image. */
  diskGib: number;
  description: string | null;
  isPublic: boolean;
  extraSpecs: Record<string, string>;
}

/** The image that the root disk is copied from, as it was when the server was made. */
export interface RootImage {
  id: string;
  diskFormat: LocalDiskFormat;
}

/** Never guessed from the bytes. */
export type LocalDiskFormat = 'raw' | 'qcow2';

/** A kernel that is booted instead of the disk: properties of the image, or of the image that the boot volume was made from. */
export interface DirectBoot {
  /** Image of the kernel (aki). */
  kernelId: string;
  /** Image of the initial RAM disk (ari). */
  ramdiskId: string | null;
  /** Of the property `os_command_line`. */
  commandLine: string | null;
}

export type VmState = 'building' | 'active' | 'stopped' | 'error';

/** An operation that is going on. It is written before the operation begins: after a crash it says what to resume. */
export type TaskState = 'spawning' | 'powering-on' | 'powering-off' | 'rebooting' | 'rebooting_hard' | 'deleting';

export interface ServerRecord {
  id: string;
  projectId: string;
  userId: string;
  name: string;
  description: string | null;
  /** The flavor as it was when the server was made. */
  flavor: FlavorRecord;
  /** Null for a server that boots from a volume. */
  image: RootImage | null;
  /** Null boots the disk by its firmware. */
  directBoot: DirectBoot | null;
  vmState: VmState;
  taskState: TaskState | null;
  fault: { code: number; message: string; createdMs: number } | null;
  metadata: Record<string, string>;
  tags: string[];
  keyName: string | null;
  /** Base64, as given. */
  userData: string | null;
  /** Shared by the servers of one request. */
  reservationId: string;
  launchIndex: number;
  locked: boolean;
  createdMs: number;
  updatedMs: number;
  launchedMs: number | null;
}

/**
 * - `reserving`: written before the volume service is asked; there may be an attachment that we do not know yet.
 * - `reserved`: the volume is reserved (or is still to be made by the build); nothing is connected.
 * - `attaching`: being exported, plugged, completed.
 * - `attached`: the volume is `in-use`. A server that is off connects it when it starts.
 * - `detaching`: being unplugged, or its attachment deleted.
 */
type DeviceState = 'reserving' | 'reserved' | 'attaching' | 'attached' | 'detaching';

/** A volume of a server: Nova's block device mapping. */
export interface DeviceRecord {
  /** `<server id>/<uuid>`. */
  id: string;
  serverId: string;
  /** Shown as `bdm_uuid`. */
  uuid: string;
  /** Null until the build has made the volume. */
  volumeId: string | null;
  /** Null until the volume is reserved. */
  attachmentId: string | null;
  state: DeviceState;
  /** `/dev/vdb`. */
  deviceName: string;
  /** 0 = the disk that boots; null = none that boots. */
  bootIndex: number | null;
  deleteOnTermination: boolean;
  tag: string | null;
  /** The volume that the build makes; null where the volume existed. */
  source: { kind: 'image'; imageId: string; sizeGib: number } | { kind: 'blank'; sizeGib: number } | null;
}

export interface KeypairRecord {
  /** `<user id>/<name>`. */
  id: string;
  userId: string;
  name: string;
  publicKey: string;
  fingerprint: string;
  type: 'ssh';
  createdMs: number;
}

/** Something that a person did to a server. */
export interface ActionRecord {
  /** `<server id>/<start time in µs, 17 digits>-<request id>`: in order of time. */
  id: string;
  serverId: string;
  action: string;
  requestId: string;
  userId: string;
  projectId: string;
  startMs: number;
}
