import type { ExtentFile } from '../backing/extent-file.ts';
import { RangeLock } from '../backing/range-lock.ts';
import type { Nexus } from './nexus.ts';
import { PersistentReservations } from './persistent-reservations.ts';
import { SENSE, type Sense } from './sense.ts';

/** One volume, whoever exports it and however often: its bytes, its locks, its reservations. */
export class LogicalUnit {
  readonly backing: ExtentFile;
  readonly ranges = new RangeLock();
  readonly persistent = new PersistentReservations();
  /** Initiator port that holds RESERVE(6) or RESERVE(10). */
  reservedBy: string | undefined;
  /** Everybody with a session on the unit, through any target. */
  readonly nexuses = new Set<Nexus>();

  constructor(backing: ExtentFile) {
    this.backing = backing;
  }

  /** A session has begun. Spec: SAM-5, 5.14 (power on) */
  join(nexus: Nexus): void {
    this.nexuses.add(nexus);
    nexus.attend(SENSE.powerOn);
  }

  /** A session has ended: a reservation without a key goes with it, registrations stay. Spec: SPC-2, 5.5.1; SPC-4, 5.13 */
  leave(nexus: Nexus): void {
    this.nexuses.delete(nexus);
    if (this.reservedBy === nexus.initiatorPort) this.reservedBy = undefined;
  }

  /** Tells every session but `except`. */
  attendAll(sense: Sense, except?: Nexus): void {
    for (const nexus of this.nexuses) if (nexus !== except) nexus.attend(sense);
  }

  /** Tells the sessions of one initiator port. */
  attendPort(initiatorPort: string, sense: Sense): void {
    for (const nexus of this.nexuses) if (nexus.initiatorPort === initiatorPort) nexus.attend(sense);
  }

  /** LUN RESET, after its commands have been aborted. Spec: SAM-5, 6.3.3 */
  reset(): void {
    this.reservedBy = undefined;
    this.attendAll(SENSE.busDeviceReset);
  }
}
