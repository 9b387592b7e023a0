/** One disk of one node, as the ring knows it. */
export interface Device {
  /** Index in the ring's device array, 0..65534; reused only after the device was removed and the ring rebalanced. */
  readonly id: number;
  readonly region: number;
  /** Number of the zone within its region. */
  readonly zone: number;
  /** Address or lower-case host name of the node's API; IPv6 in its shortest form, without brackets. */
  readonly ip: string;
  readonly port: number;
  /** Address that replication uses; the same as `ip` unless the cluster has a replication network. */
  readonly replicationIp: string;
  readonly replicationPort: number;
  /** Name of the disk on its node: `sdb1`. */
  readonly device: string;
  /** Share of the partitions relative to the other devices, >= 0; 0 drains the device. */
  readonly weight: number;
  /** Free text of the operator. */
  readonly meta: string;
}

/**
 * What a ring file holds: a plain object that `postMessage` takes. The assignment lies in shared memory, so that every
 * thread reads the same pages; nobody writes them once the object exists.
 */
export interface RingData {
  /** The ring has 2 ** partPower partitions. */
  readonly partPower: number;
  /** Length of each replica's row, in partitions: all have 2 ** partPower but the last, which a fractional ring cuts short. */
  readonly rowLengths: readonly number[];
  /** Device ids as uint16 in the host's byte order, row after row. */
  readonly assignment: SharedArrayBuffer;
  /** By device id; undefined where a device was removed. */
  readonly devices: readonly (Device | undefined)[];
  /** Counts the builder's changes; undefined in files of old builders. */
  readonly version: number | undefined;
  /** Set while the partition power is being increased; objects then live at both powers. */
  readonly nextPartPower: number | undefined;
}

/** Where things live: the lookups that proxies and storage nodes make. */
export interface Ring {
  readonly partPower: number;
  /** Replicas of each partition; 3.25 means that a quarter of the partitions has four. */
  readonly replicaCount: number;
  readonly devices: readonly (Device | undefined)[];
  readonly version: number | undefined;

  /** Partition of an account, container or object; the names are decoded strings, not URL-quoted. */
  partitionOf(account: string, container?: string, object?: string): number;

  /** The devices that hold the partition, each once. The place in the array is the replica index. */
  primaries(partition: number): readonly Device[];

  /**
   * Stand-ins for the primaries, best first: unseen regions, then zones, then servers, then any other device that has
   * partitions; never a primary, never a device twice. Lazy: what is not asked for costs nothing.
   */
  handoffs(partition: number): Iterable<Device>;

  /** The data below, to hand to another thread (`ringOf` makes a ring of it there). */
  share(): RingData;
}
