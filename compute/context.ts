import type { ServiceSession } from '../auth/contract.ts';
import type { Identity, Policy } from '../auth/guard/contract.ts';
import type { Clock } from '../common/clock.ts';
import type { Logger } from '../common/log.ts';
import type { ImageClient } from '../image/contract.ts';
import type { ComputeConfig } from './config.ts';
import type { Hypervisor } from './hypervisor/contract.ts';
import type { ServerOperations } from './operations.ts';
import type { ComputeTables } from './store/tables.ts';

/** The functions of `volume/client.ts`, injected. */
export type VolumeClient = Pick<
  typeof import('../volume/client.ts'),
  | 'beginDetaching'
  | 'completeAttachment'
  | 'createAttachment'
  | 'createVolume'
  | 'deleteAttachment'
  | 'deleteVolume'
  | 'listAttachments'
  | 'rollDetaching'
  | 'showAttachment'
  | 'showVolume'
  | 'updateAttachment'
>;

/** What the actions of the compute service work with. */
export interface ComputeContext {
  config: ComputeConfig;
  tables: ComputeTables;
  hypervisor: Hypervisor;
  volumes: VolumeClient;
  images: ImageClient;
  session: ServiceSession;
  policy: Policy;
  clock: Clock;
  logger: Logger;
  /** Folder of the servers' folders. */
  instancesFolder: string;
  operations: ServerOperations;
}

/** Who asks, for one request. */
export interface Caller {
  identity: Identity;
  /** The user's own token: what is fetched, reserved or made on their behalf is done with it. It is never stored. */
  token: string;
  requestId: string;
}
