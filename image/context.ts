import type { Policy } from '../auth/guard/contract.ts';
import type { Clock } from '../common/clock.ts';
import type { Logger } from '../common/log.ts';
import type { Recovery } from './actions/recovery.ts';
import type { Transfers } from './actions/transfers.ts';
import type { ImageConfig } from './config.ts';
import type { Images } from './records/images.ts';
import type { StoreSet } from './stores/store-set.ts';

/** What the actions work with. */
export interface ImageContext {
  config: ImageConfig;
  images: Images;
  stores: StoreSet;
  policy: Policy;
  clock: Clock;
  logger: Logger;
  transfers: Transfers;
  recovery: Recovery;
}
