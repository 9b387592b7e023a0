import type { Clock } from '../../common/clock.ts';
import type { Logger } from '../../common/log.ts';
import type { TimestampSource } from '../../common/timestamp.ts';
import type { ListingStore } from '../../container-server/contract.ts';
import type { ObjectStore } from '../../object-server/contract.ts';
import type { Device, Ring } from '../../ring/contract.ts';
import type { Policies } from './policies.ts';

/** Counts changes of this node's containers; all threads of its process see them. Made by `container-server/changes.ts`. */
export interface ContainerChanges {
  current(account: string, container: string): number;
  bump(account: string, container: string): void;
}

/** Where things live and how they are reached: the rings, and a store for every device, in process or over HTTP. */
export interface Cluster {
  readonly rings: {
    readonly account: Ring;
    readonly container: Ring;
    /** @throws InvariantError for an index that no policy has. */
    object(policyIndex: number): Ring;
  };
  objectStoreAt(device: Device): ObjectStore;
  listingStoreAt(device: Device): ListingStore;
  /** Whether this node keeps the device: it is read first. */
  isLocal(device: Device): boolean;
  readonly policies: Policies;
  readonly timestamps: TimestampSource;
  readonly clock: Clock;
  readonly logger: Logger;
  /** Bound on one replica's part of one step. */
  readonly nodeTimeoutMs: number;
  /** How long a write that has its quorum waits for the other replicas. */
  readonly postQuorumMs: number;
  /** Undefined: containers are asked about for each request. */
  readonly containerChanges: ContainerChanges | undefined;
  /** How long a container with replicas on other nodes is remembered. */
  readonly containerInfoTtlMs: number;
}
