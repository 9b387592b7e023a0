import type { Duty } from '../../../proxy/daemons/duty.ts';

/** Of the only node. */
export const ALL_OURS: Duty = { isOurs: async () => true };

/** Of a node to which nothing falls. */
export const NONE_OURS: Duty = { isOurs: async () => false };
