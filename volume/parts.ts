import type { ServiceSession } from '../auth/contract.ts';
import type { Identity, Policy } from '../auth/guard/contract.ts';
import type { Clock } from '../common/clock.ts';
import type { Logger } from '../common/log.ts';
import type { ImageClient } from '../image/contract.ts';
import type { VolumeConfig } from './config.ts';
import type { RunCommand } from './drivers/run-command.ts';
import type { Pool } from './scheduler/pools.ts';
import type { KeyedQueue } from './store/keyed-queue.ts';
import type { QuotaStore } from './store/quotas.ts';
import type { VolumeTypeStore } from './store/types.ts';
import type { VolumeStore } from './store/volumes.ts';
import type { IscsiTargets } from './targets/contract.ts';

/** What the actions of the volume service work with. */
export interface VolumeParts {
  config: VolumeConfig;
  clock: Clock;
  logger: Logger;
  policy: Policy;
  volumes: VolumeStore;
  types: VolumeTypeStore;
  quotas: QuotaStore;
  pools: readonly Pool[];
  targets: IscsiTargets;
  images: ImageClient;
  session: ServiceSession;
  run: RunCommand;
  /** Folder for images that are being converted; emptied at start. */
  spoolFolder: string;
  /** Starts the operation that a volume's record holds. `token` is the user's, for what is fetched on their behalf. */
  startOperation(volumeId: string, token?: string): void;
  /** One after the other per volume: exports made and taken away. */
  exportQueue: KeyedQueue;
  /** One after the other per project: quotas counted and what they allowed written. */
  quotaQueue: KeyedQueue;
}

/** Who asks. */
export interface Caller {
  identity: Identity;
  projectId: string;
  userId: string;
  token: string;
  /** Sees and administers all projects. */
  isAdmin: boolean;
  /** The token itself is a service's: compute that acts for itself. */
  isService: boolean;
  /** A service asks, or passes a user's request on with its own token beside. */
  isVouchedByService: boolean;
}
