import type { Command, Lun } from './command.ts';
import { inquireMissing } from './inquiry.ts';
import { entriesOf, INQUIRY, type OpcodeEntry, REPORT_LUNS } from './opcode-table.ts';
import { reportLuns } from './report-luns.ts';
import { checkCondition, reservationConflict, SENSE } from './sense.ts';

/** A command as it arrives: its LUN may not exist. */
export type AddressedCommand = Omit<Command, 'lun'> & {
  /** The unit of the target, and whether the command is addressed to it. */
  lun: Lun;
  addressed: boolean;
};

/**
 * Runs a command through what stands before its handler: LUN, opcode, unit attention, reservation, write protection.
 *
 * @returns the last piece of data-in, if any: the command ended with GOOD.
 * @throws ScsiError for any other status. Spec: SAM-5, 5.3.3 (status precedence); SPC-4, 5.10
 */
export async function runCommand(command: AddressedCommand): Promise<Buffer | undefined> {
  const { cdb, lun, nexus, addressed } = command;
  const opcode = cdb.readUInt8(0);
  if (!addressed) {
    if (opcode === INQUIRY) return inquireMissing(cdb);
    if (opcode === REPORT_LUNS) return reportLuns(cdb, lun.lun);
    throw checkCondition(SENSE.logicalUnitNotSupported);
  }
  const entry = findEntry(cdb);
  if (entry.reportsAttention) {
    const attention = nexus.takeAttention();
    if (attention !== undefined) throw checkCondition(attention);
  }
  assertNoConflict(entry, command);
  if (entry.writes && lun.readOnly) throw checkCondition(SENSE.writeProtected);
  return await entry.handle(command);
}

function findEntry(cdb: Buffer): OpcodeEntry {
  const entries = entriesOf(cdb.readUInt8(0));
  if (entries === undefined) throw checkCondition(SENSE.invalidOpcode);
  const serviceAction = cdb.readUInt8(1) & 0x1f;
  const entry = entries.find((found) => found.serviceAction === undefined || found.serviceAction === serviceAction);
  if (entry === undefined) throw checkCondition(SENSE.invalidFieldInCdb);
  return entry;
}

function assertNoConflict({ conflict }: OpcodeEntry, { lun, nexus }: AddressedCommand): void {
  if (conflict === 'never') return;
  const { unit } = lun;
  if (unit.reservedBy !== undefined && unit.reservedBy !== nexus.initiatorPort) throw reservationConflict();
  if (conflict !== 'legacy' && unit.persistent.forbids(nexus.initiatorPort, conflict)) throw reservationConflict();
}
