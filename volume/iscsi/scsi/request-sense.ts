import type { Handler } from './command.ts';
import { encodeDescriptorSense, encodeFixedSense, SENSE } from './sense.ts';

/** REQUEST SENSE: a pending unit attention, which is hereby reported, or NO SENSE. Spec: SPC-4, 6.39 */
export const requestSense: Handler = async ({ cdb, nexus }) => {
  const sense = nexus.takeAttention() ?? SENSE.none;
  const descriptorFormat = (cdb.readUInt8(1) & 0x01) !== 0;
  const data = descriptorFormat ? encodeDescriptorSense(sense) : encodeFixedSense(sense);
  return data.subarray(0, cdb.readUInt8(4));
};
