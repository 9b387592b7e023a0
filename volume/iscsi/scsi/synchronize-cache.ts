import { parseRange } from './cdb.ts';
import type { Handler } from './command.ts';
import { flushMedium } from './medium.ts';

/** SYNCHRONIZE CACHE (10), (16): always the whole volume, always before the answer, even with IMMED. Spec: SBC-3, 5.22 and 5.23 */
export const synchronizeCache: Handler = async (command) => {
  parseRange(command.cdb, command.lun);
  await flushMedium(command);
  return undefined;
};

/** PRE-FETCH (10), (16): the kernel's cache decides for itself; GOOD says that not all blocks need be cached. Spec: SBC-3, 5.8 and 5.9 */
export const preFetch: Handler = async ({ cdb, lun }) => {
  parseRange(cdb, lun);
  return undefined;
};
