import type { Device } from '../contract.ts';

/** Everything a builder remembers: what its file holds. Partition arrays belong to the builder and change in place. */
export interface BuilderState {
  /** Made when the builder was created; tells builders apart, whatever their files are called. */
  id: string;
  partPower: number;
  /** Wished replicas of each partition; takes effect with the next rebalance. */
  replicas: number;
  minPartHours: number;
  /** Part by which a device may exceed its weight for the sake of dispersion: 0.1 is 10 %. */
  overload: number;
  /** Counts changes; rings carry it. */
  version: number;
  /** Was a device or the replica count changed since the last rebalance? */
  devicesChanged: boolean;
  devices: (Device | undefined)[];
  /** Ids of devices that leave with the next rebalance; their weight is 0 already. */
  removed: number[];
  /** Device ids by partition, one row a replica; no rows before the first rebalance. */
  rows: Uint16Array[];
  /** By partition: hours from its last move to `lastMovesAt`, at most 255. */
  hoursSinceMove: Uint8Array;
  /** Seconds since 1970; 0 before the first rebalance. */
  lastMovesAt: number;
  /** As of the last rebalance, in percent; undefined before it. */
  dispersion: number | undefined;
}
