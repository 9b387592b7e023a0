import type { HolePuncher } from '../../../volume/iscsi/backing/punch-hole.ts';

/** Never punches: ranges are overwritten with zeros. */
export const noPuncher: HolePuncher = { punch: () => Promise.resolve(false) };
