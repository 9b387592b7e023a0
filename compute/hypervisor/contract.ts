import type { ConnectionInfo } from '../../volume/contract.ts';

/** A disk that is a file of the server's own folder. */
export interface LocalDisk {
  path: string;
  /** Never guessed from the bytes. */
  format: 'raw' | 'qcow2';
}

/** A volume as a guest gets it. */
export interface VolumeDisk {
  volumeId: string;
  /** Where its target is and the secret to log in; used for this connection and not kept. */
  connection: ConnectionInfo;
  /** Position in the boot order, from 0; undefined = not booted from. */
  bootIndex?: number;
}

/** A guest that shall run. */
export interface GuestSpec {
  /** The server's id, a UUID. */
  id: string;
  vcpus: number;
  memoryMib: number;
  rootDisk?: LocalDisk;
  /** Boots this kernel instead of a disk. */
  kernel?: { path: string; initrdPath?: string; commandLine: string };
  /** Plugged before the guest's first instruction. */
  volumes: readonly VolumeDisk[];
}

/** What the machine offers, for `os-hypervisors`. */
export interface HypervisorFacts {
  type: 'QEMU' | 'fake';
  /** `7.2.22`; empty where nothing is installed. */
  version: string;
  vcpus: number;
  memoryMib: number;
}

export interface HypervisorEvents {
  /** A guest has ended that nobody asked to end: it powered itself off, or crashed. */
  guestEnded(id: string): void;
}

/**
 * Runs guests. Implementations: `qemu`, `fake`. Shown for each by `test/contract/compute/hypervisor.ts`.
 *
 * Promises of every implementation:
 * - Guests outlive this process; `adopt` finds them again.
 * - Calls about one guest are made one at a time, by the caller's care.
 * - `boot` returns when the guest runs; when it fails nothing runs and nothing is connected.
 * - `attach` returns when the guest has the disk; when it fails the disk is neither plugged nor connected.
 * - `detach` returns when the guest has let go of the disk *and* the connection to its target is closed; a disk that is not there
 *   is no error. UnplugRefusedError leaves the disk in use.
 * - A guest that does not run is no error, but for `attach`.
 */
export interface Hypervisor {
  /** The iSCSI name with which a guest's volumes are connected. */
  initiatorNameOf(id: string): string;
  /** @throws ApiError 503 saying what to install, when no guest could run here. */
  assertReady(): Promise<void>;
  facts(): Promise<HypervisorFacts>;
  /** Finds the running guests among `ids`, from an earlier life of this program too. Called once, first. */
  adopt(ids: readonly string[], events: HypervisorEvents): Promise<ReadonlySet<string>>;
  boot(guest: GuestSpec): Promise<void>;
  isRunning(id: string): boolean;
  /** The volumes that are plugged into the running guest; empty where none runs. */
  volumesOf(id: string): Promise<ReadonlySet<string>>;
  attach(id: string, volume: VolumeDisk): Promise<void>;
  detach(id: string, volumeId: string): Promise<void>;
  /** Asks the guest to power off, and ends it by force after a grace; at once where `force`. */
  powerOff(id: string, force: boolean): Promise<void>;
  /** The last bytes of the serial console, a bounded number of them. */
  consoleOutput(id: string): Promise<string>;
  /** Ends the guest and forgets everything about it, its folder included. */
  destroy(id: string): Promise<void>;
  /** Lets go of the guests, which go on running. */
  release(): Promise<void>;
}
