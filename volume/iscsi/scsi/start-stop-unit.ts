import type { Handler } from './command.ts';
import { flushMedium } from './medium.ts';
import { checkCondition, SENSE } from './sense.ts';

/**
 * START STOP UNIT: a volume does not stop, so stopping it only makes it durable; it has no medium to eject, and no power conditions.
 * Spec: SBC-3, 5.21
 */
export const startStopUnit: Handler = async (command) => {
  const flags = command.cdb.readUInt8(4);
  const powerCondition = flags >>> 4;
  const noFlush = (flags & 0x04) !== 0;
  const loadEject = (flags & 0x02) !== 0;
  const start = (flags & 0x01) !== 0;
  if (powerCondition !== 0) return undefined;
  if (loadEject && !start) throw checkCondition(SENSE.invalidFieldInCdb);
  if (!start && !noFlush) await flushMedium(command);
  return undefined;
};

/** TEST UNIT READY: always, unless a flush has failed. Spec: SPC-4, 6.47 */
export const testUnitReady: Handler = async ({ lun }) => {
  if (lun.unit.backing.failed) throw checkCondition(SENSE.internalTargetFailure);
  return undefined;
};
