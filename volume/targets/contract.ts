/**
 * One contiguous run of a volume's bytes in a file or block device. A volume is the concatenation of its extents:
 * one extent for a plain file, several for a logical volume that is reached through its physical volumes.
 */
export interface BackingExtent {
  /** Absolute path of a regular file or block device; it must exist. */
  path: string;
  /** Where the run starts in `path`, in bytes; a multiple of 512. */
  offsetBytes: number;
  /** Length of the run in bytes; a multiple of 512. */
  lengthBytes: number;
}

/** A volume as one initiator may see it: one export per attachment. */
export interface TargetExport {
  /** Prefix + `:` + attachment id: never used again, so that a stale initiator can never meet another tenant's bytes. */
  iqn: string;
  /** Logical unit number, 0..255. Lower numbers answer as "no such logical unit". */
  lun: number;
  /** Size that the initiator sees; a positive multiple of 512, at most the sum of the extents. */
  sizeBytes: number;
  /**
   * Where the bytes are, in order. Exports whose first extent starts at the same byte are of one volume (multi-attach) and share one
   * open backing object: flushes, failed flushes, reservations and locks concern them all.
   */
  extents: readonly BackingExtent[];
  readOnly: boolean;
  /** One-way CHAP; the secret is made per attachment and is never logged. */
  chap: { username: string; secret: string };
  /** The only initiator name that may log in or discover the target; compared without regard to case. */
  initiatorName: string;
  /** The volume's id: unit serial number, and the seed of its NAA name. */
  serial: string;
}

/** One logged-in session, as operators see it. */
interface TargetSession {
  initiatorName: string;
  /** `address:port` of the initiator. */
  peer: string;
  /** Initiator part of the session id, 12 hexadecimal digits. */
  isid: string;
}

/** One export and who uses it; it holds no secret. */
export interface ExportedTarget {
  iqn: string;
  lun: number;
  sizeBytes: number;
  readOnly: boolean;
  serial: string;
  /** False after a failed fdatasync: every write is refused until the volume is exported anew. */
  healthy: boolean;
  sessions: readonly TargetSession[];
}

export interface TargetPortal {
  address: string;
  port: number;
}

/**
 * What makes volumes reachable over iSCSI. Implementations: built-in (this program), tgt, LIO.
 *
 * Promises of every implementation:
 * - `export` returns when a login would succeed; exporting the same thing again changes nothing (idempotent). Under the same `iqn`,
 *   `chap`, `readOnly`, `initiatorName` and `sizeBytes` may differ: new logins meet the new values. Other differences are
 *   refused with ApiError `TargetExportConflict` (409).
 * - `unexport` ends the sessions of `iqn` first, waits for the commands that run, and closes the backing if no other export shares
 *   it; only then does it return. An unknown `iqn` is no error.
 * - `resize` makes every session of the export see the new size, by a unit attention. `extents` is the volume's whole new map; without
 *   it the last extent is taken to have grown in place. The file has its new length before. Unknown `iqn`: ApiError `TargetNotFound` (404).
 * - Nothing survives a restart of the process: who owns the attachments exports them again.
 */
export interface IscsiTargets {
  /** Where initiators connect. */
  readonly portal: TargetPortal;
  export(target: TargetExport): Promise<void>;
  unexport(iqn: string): Promise<void>;
  resize(iqn: string, sizeBytes: number, extents?: readonly BackingExtent[]): Promise<void>;
  list(): Promise<readonly ExportedTarget[]>;
}

/** A target that lives in this process: who started it stops it. */
export interface RunningTargets extends IscsiTargets {
  /** Ends all sessions, waits for running commands, closes every backing and the listening socket. */
  stop(): Promise<void>;
  /** Settles, with the error, if the target's thread dies: half a process is no process, so the owner exits. Never settles otherwise. */
  readonly failed: Promise<Error>;
}
