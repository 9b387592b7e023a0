import type { Handler } from './command.ts';
import { checkCondition, reservationConflict, SENSE } from './sense.ts';

/** RESERVE (6), (10): the whole unit for one initiator port; not beside registered keys. Spec: SPC-2, 7.21 and 7.22 */
export const reserve: Handler = async ({ cdb, lun, nexus }) => {
  assertPlain(cdb);
  const { unit } = lun;
  if (unit.persistent.registrations.size > 0) throw reservationConflict();
  if (unit.reservedBy !== undefined && unit.reservedBy !== nexus.initiatorPort) throw reservationConflict();
  unit.reservedBy = nexus.initiatorPort;
  return undefined;
};

/** RELEASE (6), (10): without effect for who does not hold the reservation. Spec: SPC-2, 7.18 and 7.19 */
export const release: Handler = async ({ cdb, lun, nexus }) => {
  assertPlain(cdb);
  const { unit } = lun;
  if (unit.persistent.registrations.size > 0) throw reservationConflict();
  if (unit.reservedBy === nexus.initiatorPort) unit.reservedBy = undefined;
  return undefined;
};

/** Third party and extent reservations are obsolete. */
function assertPlain(cdb: Buffer): void {
  const flags = cdb.readUInt8(1);
  if ((flags & 0x11) !== 0) throw checkCondition(SENSE.invalidFieldInCdb);
}
