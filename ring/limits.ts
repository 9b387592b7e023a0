/** Largest partition power that is read or built: 2 ** 24 partitions are 32 MiB a replica, enough for 100,000 disks. */
export const MAX_PART_POWER = 24;

/** Largest number of replicas, rounded up. */
export const MAX_REPLICAS = 64;

/** Device ids are 0..65534; 65535 in an assignment means "nobody". */
export const MAX_DEVICES = 65_535;

/** Largest assignment of a ring, in bytes: partitions x replicas x 2. */
export const MAX_ASSIGNMENT_BYTES = 512 * 1024 * 1024;

/** Largest JSON header of a ring file, in bytes: 65,535 devices with long names and notes. */
export const MAX_HEADER_BYTES = 64 * 1024 * 1024;

/** Largest ring or builder file, in bytes, as it lies on the disk. */
export const MAX_FILE_BYTES = 1024 * 1024 * 1024;

/** Longest device name, address and note, in characters. */
export const MAX_DEVICE_TEXT = 4096;

/** Largest region, zone and port number. */
export const MAX_TIER_NUMBER = 2 ** 31 - 1;
export const MAX_PORT = 65_535;

/** Largest weight: keeps sums over all devices exact enough to plan with. */
export const MAX_WEIGHT = 1e12;

/** Devices over which a replica's place is handed on when nothing fits directly; each one costs walks over all partitions. */
export const MAX_CHAIN_LENGTH = 6;

/** Rounds in which a rebalance looks for such chains. */
export const MAX_CHAIN_ROUNDS = 32;
